"""Rooms of the Lambda function."""
