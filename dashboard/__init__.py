"""The Streamlit app: pages that ask the model service and show its answers."""
