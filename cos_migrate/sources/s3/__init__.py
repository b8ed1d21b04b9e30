"""The sources for AWS S3 and services with its protocol, CSP among them."""

SOURCES = {"migrateAws": "aws.AwsSource", "migrateCsp": "csp.CspSource"}
