"""The switch between the languages of the pages."""

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST
from django.views.i18n import set_language as set_language_of_browser

from apps.accounts.models import User
from apps.accounts.services import users


# A form on a page that caches keep can hold no token. A stranger's page that posts here comes
# without the session, whose cookie is Lax, and could at most change the language of a browser.
@csrf_exempt
@require_POST
def set_language(request: HttpRequest) -> HttpResponseBase:
    """Change the language of this browser, and of whoever is signed in, and lead back.

    Back is the page that the browser names as its referrer, unless the form names one: pages are
    swapped inside one document, so that a form in its frame cannot know on which it is.
    """
    response = set_language_of_browser(request)
    language = request.POST.get("language", "")
    if isinstance(request.user, User) and language in dict(settings.LANGUAGES):
        users.set_language(user=request.user, language=language)
    return response
