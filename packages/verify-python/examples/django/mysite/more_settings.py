# At the end of mysite/settings.py
import os

VESTIBULE = {"issuer": os.environ["VESTIBULE_ISSUER"], "public_url": os.environ.get("PUBLIC_URL")}
