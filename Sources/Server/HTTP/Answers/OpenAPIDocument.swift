/// What the routes under `/api/v1` take and answer, for programs (OpenAPI 3.1). docs/http.md says it to people.
enum OpenAPIDocument {
  static let text = #"""
    {"openapi":"3.1.0",
    "info":{"title":"logs","version":"1","description":"Appends, reads and follows log streams."},
    "security":[{"token":[]},{}],
    "paths":{
    "/healthz":{"get":{"summary":"whether the server runs","security":[],"responses":{
      "200":{"description":"it does","content":{"text/plain":{"schema":{"type":"string"}}}},
      "default":{"$ref":"#/components/responses/problem"}}}},
    "/readyz":{"get":{"summary":"whether it takes requests","security":[],"responses":{
      "200":{"description":"it does","content":{"text/plain":{"schema":{"type":"string"}}}},
      "default":{"$ref":"#/components/responses/problem"}}}},
    "/api/v1/status":{"get":{"summary":"what the server reports about itself","responses":{
      "200":{"description":"facts by name","content":{"application/json":{"schema":{"type":"object"}}}},
      "default":{"$ref":"#/components/responses/problem"}}}},
    "/api/v1/session":{"get":{"summary":"the session of a browser","responses":{
      "200":{"description":"its name and CSRF token","content":{"application/json":{"schema":{"type":"object"}}}},
      "default":{"$ref":"#/components/responses/problem"}}}},
    "/api/v1/ticket":{"post":{"summary":"a ticket for one EventSource or WebSocket","responses":{
      "200":{"description":"it lasts 30 s","content":{"application/json":{"schema":{"type":"object",
        "required":["ticket","expires_in"],"properties":{"ticket":{"type":"string"},
        "expires_in":{"type":"integer"}}}}}},
      "default":{"$ref":"#/components/responses/problem"}}}},
    "/api/v1/streams":{"get":{"summary":"the streams by name","parameters":[
      {"name":"pattern","in":"query","schema":{"type":"string"}},
      {"name":"limit","in":"query","schema":{"type":"integer","minimum":1,"maximum":1000}},
      {"name":"after","in":"query","schema":{"type":"string"}}],"responses":{
      "200":{"description":"a page of them","content":{"application/json":{"schema":{"type":"object",
        "required":["streams","more"],"properties":{"more":{"type":"boolean"},
        "streams":{"type":"array","items":{"$ref":"#/components/schemas/stream"}}}}}}},
      "default":{"$ref":"#/components/responses/problem"}}}},
    "/api/v1/streams/{name}":{"parameters":[{"$ref":"#/components/parameters/name"}],
      "get":{"summary":"one stream","responses":{
        "200":{"description":"it","content":{"application/json":{"schema":{"$ref":"#/components/schemas/stream"}}}},
        "default":{"$ref":"#/components/responses/problem"}}},
      "delete":{"summary":"deletes it, or some of its numbers","parameters":[
        {"name":"from_seq","in":"query","schema":{"$ref":"#/components/schemas/number"}},
        {"name":"to_seq","in":"query","schema":{"$ref":"#/components/schemas/number"}},
        {"name":"before_seq","in":"query","schema":{"$ref":"#/components/schemas/number"}},
        {"name":"incarnation","in":"query","schema":{"type":"string"}},
        {"name":"dry_run","in":"query","schema":{"type":"boolean"}}],"responses":{
        "200":{"description":"what went, or would go","content":{"application/json":{"schema":{"type":"object",
          "required":["stream","incarnation","first","last","entries","bytes","dry_run"]}}}},
        "default":{"$ref":"#/components/responses/problem"}}}},
    "/api/v1/streams/{name}/entries":{"parameters":[{"$ref":"#/components/parameters/name"}],
      "get":{"summary":"a page of entries","parameters":[
        {"$ref":"#/components/parameters/limit"},{"$ref":"#/components/parameters/offset"},
        {"name":"after","in":"query","schema":{"type":"string"}},
        {"name":"before","in":"query","schema":{"$ref":"#/components/schemas/number"}},
        {"$ref":"#/components/parameters/since"},{"$ref":"#/components/parameters/until"},
        {"$ref":"#/components/parameters/filter"},{"$ref":"#/components/parameters/level"},
        {"$ref":"#/components/parameters/source"},{"$ref":"#/components/parameters/search"},
        {"$ref":"#/components/parameters/sort_by"},{"$ref":"#/components/parameters/sort_order"},
        {"$ref":"#/components/parameters/view"}],"responses":{
        "200":{"$ref":"#/components/responses/entries"},"default":{"$ref":"#/components/responses/problem"}}},
      "post":{"summary":"appends","parameters":[
        {"name":"kind","in":"query","schema":{"enum":["log","status"]}},
        {"name":"Logs-Producer","in":"header","schema":{"type":"string","pattern":"^[0-9a-f]{32}$"}},
        {"name":"Logs-Batch","in":"header","schema":{"$ref":"#/components/schemas/number"}},
        {"name":"Idempotency-Key","in":"header","schema":{"type":"string","minLength":1,"maxLength":255}}],
        "requestBody":{"required":true,"content":{"text/plain":{"schema":{"type":"string"}},
          "application/x-ndjson":{"schema":{"type":"string"}},
          "application/json":{"schema":{"anyOf":[{"type":"object"},
            {"type":"array","items":{"type":"object"}}]}}}},"responses":{
        "200":{"$ref":"#/components/responses/appended"},"default":{"$ref":"#/components/responses/problem"}}}},
    "/api/v1/streams/{name}/context":{"parameters":[{"$ref":"#/components/parameters/name"}],
      "get":{"summary":"the entries around one","parameters":[
        {"name":"seq","in":"query","required":true,"schema":{"$ref":"#/components/schemas/number"}},
        {"name":"before","in":"query","schema":{"type":"integer","minimum":0,"maximum":250}},
        {"name":"after","in":"query","schema":{"type":"integer","minimum":0,"maximum":250}},
        {"$ref":"#/components/parameters/view"}],"responses":{
        "200":{"$ref":"#/components/responses/entries"},"default":{"$ref":"#/components/responses/problem"}}}},
    "/api/v1/streams/{name}/complete":{"parameters":[{"$ref":"#/components/parameters/name"}],
      "post":{"summary":"ends it","requestBody":{"content":{"text/plain":{"schema":{"type":"string"}}}},"responses":{
        "200":{"$ref":"#/components/responses/appended"},"default":{"$ref":"#/components/responses/problem"}}}},
    "/api/v1/streams/{name}/follow":{"parameters":[{"$ref":"#/components/parameters/name"}],
      "get":{"summary":"the last entries, then each new one; a WebSocket, too","parameters":[
        {"name":"last","in":"query","schema":{"type":"integer","minimum":0}},
        {"name":"after","in":"query","schema":{"type":"string"}},
        {"name":"limit","in":"query","schema":{"$ref":"#/components/schemas/number"}},
        {"$ref":"#/components/parameters/since"},{"$ref":"#/components/parameters/until"},
        {"$ref":"#/components/parameters/filter"},{"$ref":"#/components/parameters/view"},
        {"name":"format","in":"query","schema":{"enum":["sse","ndjson"]}},
        {"name":"timeout","in":"query","schema":{"type":"integer","minimum":30,"maximum":1800}},
        {"name":"Last-Event-ID","in":"header","schema":{"type":"string"}}],"responses":{
        "200":{"$ref":"#/components/responses/followed"},"default":{"$ref":"#/components/responses/problem"}}}},
    "/api/v1/follow":{"get":{"summary":"the same for several streams","parameters":[
      {"$ref":"#/components/parameters/stream"},
      {"name":"last","in":"query","schema":{"type":"integer","minimum":0}},
      {"$ref":"#/components/parameters/filter"}],"responses":{
      "200":{"$ref":"#/components/responses/followed"},"default":{"$ref":"#/components/responses/problem"}}}},
    "/api/v1/ws":{"get":{"summary":"a WebSocket for subscriptions","responses":{
      "101":{"description":"it is one"},"default":{"$ref":"#/components/responses/problem"}}}},
    "/api/v1/wire":{"get":{"summary":"a WebSocket for the server's own protocol","responses":{
      "101":{"description":"it is one"},"default":{"$ref":"#/components/responses/problem"}}}},
    "/api/v1/entries":{"get":{"summary":"a page of several streams","parameters":[
      {"$ref":"#/components/parameters/stream"},{"$ref":"#/components/parameters/limit"},
      {"$ref":"#/components/parameters/offset"},{"$ref":"#/components/parameters/since"},
      {"$ref":"#/components/parameters/until"},{"$ref":"#/components/parameters/filter"},
      {"$ref":"#/components/parameters/level"},{"$ref":"#/components/parameters/source"},
      {"$ref":"#/components/parameters/search"},{"$ref":"#/components/parameters/sort_by"},
      {"$ref":"#/components/parameters/sort_order"},{"$ref":"#/components/parameters/view"}],"responses":{
      "200":{"$ref":"#/components/responses/entries"},"default":{"$ref":"#/components/responses/problem"}}}},
    "/api/v1/count":{"get":{"summary":"how many entries pass","parameters":[
      {"$ref":"#/components/parameters/stream"},{"$ref":"#/components/parameters/since"},
      {"$ref":"#/components/parameters/until"},{"$ref":"#/components/parameters/filter"}],"responses":{
      "200":{"$ref":"#/components/responses/counted"},"default":{"$ref":"#/components/responses/problem"}}}},
    "/api/v1/histogram":{"get":{"summary":"how many in each span of time, by level","parameters":[
      {"$ref":"#/components/parameters/stream"},{"name":"span","in":"query","schema":{"type":"string"}},
      {"$ref":"#/components/parameters/since"},{"$ref":"#/components/parameters/until"},
      {"$ref":"#/components/parameters/filter"}],"responses":{
      "200":{"$ref":"#/components/responses/counted"},"default":{"$ref":"#/components/responses/problem"}}}},
    "/api/v1/fields":{"get":{"summary":"the commonest values","parameters":[
      {"$ref":"#/components/parameters/stream"},
      {"name":"values","in":"query","schema":{"type":"integer","minimum":1,"maximum":100}},
      {"$ref":"#/components/parameters/since"},{"$ref":"#/components/parameters/until"},
      {"$ref":"#/components/parameters/filter"}],"responses":{
      "200":{"$ref":"#/components/responses/counted"},"default":{"$ref":"#/components/responses/problem"}}}}
    },
    "components":{
    "securitySchemes":{"token":{"type":"http","scheme":"bearer"}},
    "parameters":{
      "name":{"name":"name","in":"path","required":true,"schema":{"type":"string","maxLength":200}},
      "stream":{"name":"stream","in":"query","required":true,"explode":true,"description":"names and patterns",
        "schema":{"type":"array","minItems":1,"items":{"type":"string"}}},
      "limit":{"name":"limit","in":"query","schema":{"type":"integer","minimum":1,"maximum":500}},
      "offset":{"name":"offset","in":"query","schema":{"type":"integer","minimum":0,"maximum":100000}},
      "since":{"name":"since","in":"query","schema":{"type":"string"}},
      "until":{"name":"until","in":"query","schema":{"type":"string"}},
      "filter":{"name":"filter","in":"query","schema":{"type":"string"}},
      "level":{"name":"level","in":"query","schema":{"enum":["trace","debug","info","notice","warn","error","fatal"]}},
      "source":{"name":"source","in":"query","schema":{"type":"string"}},
      "search":{"name":"search","in":"query","schema":{"type":"string"}},
      "sort_by":{"name":"sort_by","in":"query","schema":{"enum":["time","source","level"]}},
      "sort_order":{"name":"sort_order","in":"query","schema":{"enum":["asc","desc"]}},
      "view":{"name":"view","in":"query","schema":{"enum":["log","mobile","task","container"]}}},
    "schemas":{
      "number":{"type":"integer","minimum":1,"maximum":9223372036854775807},
      "stream":{"type":"object",
        "required":["name","incarnation","first","last","entries","bytes","last_received","state"]},
      "problem":{"type":"object","required":["title","status","code","detail","retryable"]}},
    "responses":{
      "entries":{"description":"entries","content":{"application/json":{"schema":{"type":"array",
        "items":{"type":"object"}}}}},
      "followed":{"description":"entries as they come; in quiet times heartbeats, which among lines are empty ones",
        "content":{"text/event-stream":{"schema":{"type":"string"}},
        "application/x-ndjson":{"schema":{"type":"string"}}}},
      "counted":{"description":"the counts","content":{"application/json":{"schema":{"type":"object",
        "required":["count","missing"]}}}},
      "appended":{"description":"it is on disk","content":{"application/json":{"schema":{"type":"object",
        "required":["stream","incarnation","first","last","duplicate"]}}}},
      "problem":{"description":"why not","content":{"application/problem+json":{
        "schema":{"$ref":"#/components/schemas/problem"}}}}}
    }}

    """#
}
