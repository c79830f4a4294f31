"""The FPT eGov SOAP contract [style] as spyne types: WSDL, checking of requests and faults come from here.

In the manner of a .NET ASMX service: the namespace that nobody changed, SOAPAction checked, results as strings.
"""

from datetime import datetime
from typing import Any

from sandbox import soap_service
from sandbox.soap_stack import (
    Application,
    ComplexModel,
    DateTime,
    Fault,
    ServiceBase,
    Soap11,
    Unicode,
    WsgiApplication,
    rpc,
)

NAMESPACE = "http://tempuri.org/"
PATH = "/egov/eGovService.asmx"
ADDRESS = f"http://127.0.0.1:18083{PATH}"
"""The address that stands in the committed WSDL; clients override it."""
OPERATIONS = ("Login", "GetDanhSachHoSo", "GetChiTietHoSo", "GetDanhMucThuTuc", "GetFile")

_Must = Unicode(min_occurs=1, nillable=False)
_Moment = DateTime(min_occurs=1, nillable=False)


class AuthHeader(ComplexModel):
    """The SOAP header of every call but Login."""

    __namespace__ = NAMESPACE
    Token = Unicode(min_occurs=0)


class EGovService(ServiceBase):
    """The operations; the one-stop system behind them is `ctx.app.egov`."""

    @rpc(_Must, _Must, _returns=Unicode)
    def Login(ctx: Any, userName: str, password: str) -> str:
        return str(ctx.app.egov.enter(userName, password))

    @rpc(_Moment, _Moment, _in_header=(AuthHeader,), _returns=Unicode)
    def GetDanhSachHoSo(ctx: Any, fromDate: datetime, toDate: datetime) -> str:
        ctx.app.egov.admit(_token(ctx))
        return str(ctx.app.egov.search(fromDate, toDate))

    @rpc(_Must, _in_header=(AuthHeader,), _returns=Unicode)
    def GetChiTietHoSo(ctx: Any, maHoSo: str) -> str:
        ctx.app.egov.admit(_token(ctx))
        return str(ctx.app.egov.detail(maHoSo))

    @rpc(_in_header=(AuthHeader,), _returns=Unicode)
    def GetDanhMucThuTuc(ctx: Any) -> str:
        ctx.app.egov.admit(_token(ctx))
        return str(ctx.app.egov.procedures())

    @rpc(_Must, _in_header=(AuthHeader,), _returns=Unicode)
    def GetFile(ctx: Any, fileId: str) -> str:
        ctx.app.egov.admit(_token(ctx))
        return str(ctx.app.egov.file(fileId))


def _token(ctx: Any) -> str:
    header = ctx.in_header
    return str(getattr(header, "Token", None) or "")


def service(egov: object) -> WsgiApplication:
    """The SOAP service over an object with `enter`, `admit`, `search`, `detail`, `procedures`, `file`."""
    application = Application(
        [EGovService], tns=NAMESPACE, name="eGovService", in_protocol=Soap11(validator="lxml"), out_protocol=Soap11()
    )
    application.egov = egov
    return WsgiApplication(application)


def server_fault(text: str) -> Fault:
    """A fault as ASP.NET words an exception of the service."""
    return Fault("Server", f"Server was unable to process request. ---> {text}")


def wsdl() -> bytes:
    """The contract as XML, with the committed address and the SOAPActions that ASP.NET gives."""
    tree = soap_service.contract(service(None), ADDRESS)
    for operation in tree.iter("{http://schemas.xmlsoap.org/wsdl/soap/}operation"):
        if name := operation.get("soapAction"):
            operation.set("soapAction", f"{NAMESPACE}{name}")
    return soap_service.written(tree)
