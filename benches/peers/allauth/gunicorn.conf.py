"""How gunicorn serves django-allauth: it reads this file from where it is started.

Invariant: as many threads in all as vestibule has connections to the database; each has one of its own.
"""

import os

CONNECTIONS = 10

wsgi_app = "django.core.wsgi:get_wsgi_application()"
workers = os.cpu_count()
worker_class = "gthread"
threads = max(1, CONNECTIONS // workers)
# Longer than a measurement lets a connection wait.
keepalive = 3600
graceful_timeout = 1
control_socket_disable = True
