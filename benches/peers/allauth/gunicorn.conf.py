"""gunicorn's configuration for django-allauth; gunicorn reads it from its working directory.

Invariant: as many threads in all as vestibule has connections to the database; each thread has its own connection.
"""

import os

CONNECTIONS = 10

wsgi_app = "django.core.wsgi:get_wsgi_application()"
workers = os.cpu_count()
worker_class = "gthread"
threads = max(1, CONNECTIONS // workers)
# Longer than a connection waits during a measurement.
keepalive = 3600
graceful_timeout = 1
control_socket_disable = True
