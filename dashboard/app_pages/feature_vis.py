"""Optimised."""

import streamlit as st

st.title("Optimised")
