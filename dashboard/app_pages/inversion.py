"""Inversion."""

import streamlit as st

st.title("Inversion")
