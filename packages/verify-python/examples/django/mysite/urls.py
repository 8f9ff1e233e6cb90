# mysite/urls.py
from django.urls import path

from . import views

urlpatterns = [
    path("me", views.me),
    path("reports", views.reports),
    path("payments", views.pay),
]
