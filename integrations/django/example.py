"""A site of one file whose uploads are in velour-fog: a form, a list, and the files.

    python3 example.py 8000 127.0.0.1:12280 127.0.0.1:12281
"""

import sys
from wsgiref.simple_server import make_server

import django
from django import forms
from django.conf import settings
from django.core.files.storage import default_storage
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse, HttpResponseRedirect
from django.template import Context, Engine
from django.template.context_processors import csrf
from django.urls import path

from velour_storage import redirect_to_store

if len(sys.argv) < 3 or not sys.argv[1].isdigit():
    sys.exit(__doc__)

PORT, BROKERS = int(sys.argv[1]), sys.argv[2:]
BACKEND = "velour_storage.VelourStorage"

settings.configure(
    SECRET_KEY="change me",
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    MIDDLEWARE=["django.middleware.csrf.CsrfViewMiddleware"],
    MEDIA_URL="/media/",
    USE_TZ=True,
    VELOUR_STORAGE={"brokers": BROKERS, "folder": "django"},
    **(
        {"STORAGES": {"default": {"BACKEND": BACKEND}}}
        if django.VERSION >= (4, 2)
        else {"DEFAULT_FILE_STORAGE": BACKEND}
    ),
)

PAGE = Engine().from_string(
    """<!doctype html><title>Uploads</title>
<form method="post" enctype="multipart/form-data">
<input type="hidden" name="csrfmiddlewaretoken" value="{{ csrf_token }}">
{{ form }}<button>Upload</button></form>
<ul>{% for name, url in files %}<li><a href="{{ url }}">{{ name }}</a></li>{% endfor %}</ul>
"""
)


class UploadForm(forms.Form):
    document = forms.FileField()


def uploads(request):
    form = UploadForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        document = form.cleaned_data["document"]
        default_storage.save(f"uploads/{document.name}", document)
        return HttpResponseRedirect("/")
    names = default_storage.listdir("uploads")[1]
    files = [(name, default_storage.url(f"uploads/{name}")) for name in names]
    return HttpResponse(PAGE.render(Context({"form": form, "files": files, **csrf(request)})))


urlpatterns = [path("", uploads), path("media/<path:name>", redirect_to_store)]

if __name__ == "__main__":
    make_server("127.0.0.1", PORT, get_wsgi_application()).serve_forever()
