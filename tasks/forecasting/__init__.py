"""Forecasting: what comes next in a series? The next values, with an interval."""
