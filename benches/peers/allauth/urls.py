"""Where django-allauth's API is found."""

from django.urls import include, path

urlpatterns = [path("_allauth/", include("allauth.headless.urls"))]
