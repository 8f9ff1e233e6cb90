"""A collector of traces that reads them with OpenTelemetry's message types.

    python otlp_collector.py

Prints its port, then one JSON line for each span: its name, kind, ids, attributes, number of events, status, and the
attributes of its resource. It ends when its standard input does. Needs opentelemetry-proto.
"""

import json
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest, ExportTraceServiceResponse

lock = threading.Lock()


def say(thing):
    with lock:
        print(json.dumps(thing), flush=True)


def plain(attributes):
    """Returns attributes with plain JSON values."""
    return {each.key: getattr(each.value, each.value.WhichOneof("value"), None) for each in attributes}


class Collector(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.path != "/v1/traces" or self.headers["content-type"] != "application/x-protobuf":
            self.send_error(404)
            return
        for batch in ExportTraceServiceRequest.FromString(body).resource_spans:
            for scope in batch.scope_spans:
                for span in scope.spans:
                    say({
                        "name": span.name,
                        "kind": span.kind,
                        "trace_id": span.trace_id.hex(),
                        "parent_span_id": span.parent_span_id.hex(),
                        "attributes": plain(span.attributes),
                        "events": len(span.events),
                        "status": span.status.code,
                        "resource": str(plain(batch.resource.attributes)),
                        "service": plain(batch.resource.attributes).get("service.name"),
                    })
        answer = ExportTraceServiceResponse().SerializeToString()
        self.send_response(200)
        self.send_header("content-type", "application/x-protobuf")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Collector)
threading.Thread(target=server.serve_forever, daemon=True).start()
say(server.server_address[1])
sys.stdin.read()
os._exit(0)
