"""What both shells know of HTTP: sessions per request, security headers, same-origin writes, limits, metrics.

Promises that a write is durable before its answer leaves, and that no other site can write with a visitor's cookie.
"""
