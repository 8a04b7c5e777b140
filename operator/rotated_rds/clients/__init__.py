"""The outside: nobody else imports boto3, kubernetes, psycopg or pymysql."""
