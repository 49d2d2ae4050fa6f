"""The page that answers questions."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from apps.dashboard.help_texts import help_sections
from apps.dashboard.views import page


@page
def help_page(request: HttpRequest) -> HttpResponse:
    """Show all answers at once; the page itself finds among them."""
    context = {"section": "help", "sections": help_sections()}
    return render(request, "dashboard/help.html", context)
