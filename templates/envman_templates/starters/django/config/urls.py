from django.http import HttpRequest, HttpResponse
from django.urls import path

from guestbook.views import Guestbook


def health(request: HttpRequest) -> HttpResponse:
    return HttpResponse("fine\n", content_type="text/plain")


urlpatterns = [
    path("", Guestbook.as_view()),
    path("health", health),
]
