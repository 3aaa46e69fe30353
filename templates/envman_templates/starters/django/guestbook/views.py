from typing import Any

from django.core.cache import cache
from django.views.generic import CreateView

from guestbook.models import Entry


class Guestbook(CreateView):
    model = Entry
    fields = ["name"]
    success_url = "/"

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        cache.add("views", 0)
        return super().get_context_data(views=cache.incr("views"), entries=Entry.objects.all()[:20], **context)
