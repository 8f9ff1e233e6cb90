# mysite/views.py
from django.http import JsonResponse
from django.views.decorators.http import require_GET, require_POST
from vestibule_verify import Demand
from vestibule_verify.django import caller, signed_in


@signed_in()
@require_GET
def me(request):
    return JsonResponse({"sub": caller(request).subject})


@signed_in(Demand(role="editor"))
@require_GET
async def reports(request):
    return JsonResponse({"sub": caller(request).subject})


@signed_in(Demand(max_age=300))
@require_POST
def pay(request):
    return JsonResponse({"sub": caller(request).subject})
