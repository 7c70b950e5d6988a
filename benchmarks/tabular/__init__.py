"""Anomaly detection on the tables of ADBench, beside what others do and what they published."""
