"""Verifies access tokens of Vestibule in Python back ends.

Make one `Verifier`, and give it to the module for your framework: `vestibule_verify.fastapi`, `.flask`, `.django` or
`.starlette`.
"""

from ._caller import Caller
from ._demand import Demand
from ._errors import Refused
from ._verifier import Request, Verifier

__all__ = ["Caller", "Demand", "Refused", "Request", "Verifier"]
