"""Top patches."""

import streamlit as st

st.title("Top patches")
