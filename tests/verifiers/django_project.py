"""A Django project around the `views.py` of docs/FRAMEWORKS.md.

    python django_project.py PORT

Serves the directory's views at 127.0.0.1.
"""

import os
import sys
from wsgiref.simple_server import make_server

from django.conf import settings
from django.core.wsgi import get_wsgi_application

sys.path.insert(0, os.getcwd())
settings.configure(
    ALLOWED_HOSTS=["127.0.0.1"],
    MIDDLEWARE=["django.middleware.common.CommonMiddleware", "django.middleware.csrf.CsrfViewMiddleware"],
    ROOT_URLCONF="views",
    SECRET_KEY="of a project that is thrown away",
)
make_server("127.0.0.1", int(sys.argv[1]), get_wsgi_application()).serve_forever()
