"""The addresses that providers are given; the key is that of the account."""

from django.urls import path

from . import pagerduty, slack, telegram, twilio, whatsapp

urlpatterns = [
    path("callbacks/pagerduty/<slug:key>/", pagerduty.webhook, name="pagerduty-webhook"),
    path("callbacks/slack/<slug:key>/interactions/", slack.interactions, name="slack-interactions"),
    path("callbacks/slack/<slug:key>/commands/", slack.commands, name="slack-commands"),
    path("callbacks/telegram/<slug:key>/", telegram.update, name="telegram-update"),
    path("callbacks/twilio/<slug:key>/status/", twilio.status, name="twilio-status"),
    path("callbacks/twilio/<slug:key>/reply/", twilio.reply, name="twilio-reply"),
    path("callbacks/twilio/<slug:key>/keys/", twilio.keys, name="twilio-keys"),
    path("callbacks/whatsapp/<slug:key>/", whatsapp.webhook, name="whatsapp-webhook"),
]
