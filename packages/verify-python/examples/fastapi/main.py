# main.py
import os
from typing import Annotated

from fastapi import Depends, FastAPI
from vestibule_verify import Caller, Demand, Verifier
from vestibule_verify.fastapi import signed_in

app = FastAPI()
vestibule = Verifier(os.environ["VESTIBULE_ISSUER"], public_url=os.environ.get("PUBLIC_URL"))

SignedIn = Annotated[Caller, Depends(signed_in(vestibule))]
Editor = Annotated[Caller, Depends(signed_in(vestibule, Demand(role="editor")))]
JustProved = Annotated[Caller, Depends(signed_in(vestibule, Demand(max_age=300)))]


@app.get("/me")
def me(caller: SignedIn) -> dict[str, str]:
    return {"sub": caller.subject}


@app.get("/reports")
async def reports(caller: Editor) -> dict[str, str]:
    return {"sub": caller.subject}


@app.post("/payments")
def pay(caller: JustProved) -> dict[str, str]:
    return {"sub": caller.subject}
