"""The outside world in small: gateways, carriers and a phone, speaking their real protocols over HTTP.

A Django project of its own. It imports nothing of the portal and the portal imports nothing of it.
"""
