import LogsText
import LogsWire

extension LoggerLine {
  static let json: [LoggerLine] = [
    LoggerLine(
      logger: "bunyan",
      line:
        #"""
        {"name":"myapp","hostname":"banana.local","pid":40161,"level":35,"msg":"hi","time":"2013-01-04T18:46:23.851Z",\#
        "v":0}
        """#,
      time: "2013-01-04T18:46:23.851Z", severity: 11, source: "myapp", message: "hi",
      attributes: ["hostname": "banana.local", "pid": 40161, "v": 0]),
    LoggerLine(
      logger: "pino", line: #"{"level":50,"time":1531171074631,"pid":657,"hostname":"mbp","msg":"hello world"}"#,
      time: "2018-07-09T21:17:54.631Z", severity: 17, message: "hello world", attributes: ["pid": 657]),
    LoggerLine(
      logger: "winston",
      line:
        #"""
        {"level":"silly","message":"What time is the testing at?","timestamp":"2018-01-01T00:00:00.000Z",\#
        "label":"right meow!"}
        """#,
      time: "2018-01-01T00:00:00Z", severity: 1, message: "What time is the testing at?",
      attributes: ["label": "right meow!"]),
    LoggerLine(
      logger: "zap",
      line: #"{"level":"dpanic","ts":1710923450.7368257,"logger":"db","caller":"zap/main.go:20","msg":"down"}"#,
      time: "2024-03-20T08:30:50.7368257Z", severity: 21, source: "db", message: "down",
      attributes: ["caller": "zap/main.go:20"]),
    LoggerLine(
      logger: "zap with colours",
      line: #"{"level":"\u001b[33mWARN\u001b[0m","ts":"2024-03-20T08:30:50.736Z","msg":"x"}"#,
      time: "2024-03-20T08:30:50.736Z", severity: 13, message: "x"),
    LoggerLine(
      logger: "Kubernetes components",
      line:
        #"{"ts":1710923450736.8257,"caller":"eligibility/eligibility.go:104","msg":"Scale-down calculation\n","v":1}"#,
      time: "2024-03-20T08:30:50.7368257Z", severity: 0, message: "Scale-down calculation\n", attributes: ["v": 1]),
    LoggerLine(
      logger: "zap in scientific notation",
      line: #"{"ts":1.723487295894624E12,"level":"info","msg":"application starting..."}"#,
      time: "2024-08-12T18:28:15.894624Z", severity: 9, message: "application starting..."),
    LoggerLine(
      logger: "zerolog",
      line:
        #"""
        {"level":"debug","scale":"833 cents","interval":833.09,"time":1562212768,"message":"Fibonacci is everywhere"}
        """#,
      time: "2019-07-04T03:59:28Z", severity: 5, message: "Fibonacci is everywhere",
      attributes: ["scale": "833 cents", "interval": 833.09]),
    LoggerLine(
      logger: "logrus",
      line:
        #"""
        {"animal":"walrus","level":"panic","msg":"It's over 9000!","size":10,"time":"2014-03-10 19:57:38.562264131 \#
        -0400 EDT"}
        """#,
      time: "2014-03-10T23:57:38.562264131Z", severity: 21, message: "It's over 9000!",
      attributes: ["animal": "walrus", "size": 10]),
    LoggerLine(
      logger: "slog",
      line:
        #"""
        {"time":"2022-11-08T15:28:26.5-05:00","level":"INFO+2","source":{"function":"main.main","line":9},\#
        "msg":"hello"}
        """#,
      time: "2022-11-08T20:28:26.5Z", severity: 11, message: "hello",
      attributes: ["source": .map([LogAttribute("function", "main.main"), LogAttribute("line", 9)])]),
    LoggerLine(
      logger: "hclog",
      line: #"{"@level":"warn","@message":"slow","@module":"vault.core","@timestamp":"2024-01-15T12:30:45.678901Z"}"#,
      time: "2024-01-15T12:30:45.678901Z", severity: 13, source: "vault.core", message: "slow"),
    LoggerLine(
      logger: "log4j 2 (instant)",
      line:
        #"""
        {"instant":{"epochSecond":1493121664,"nanoOfSecond":118000000},"thread":"main","level":"INFO",\#
        "loggerName":"HelloWorld","message":"Hello, world!"}
        """#,
      time: "2017-04-25T12:01:04.118Z", severity: 9, source: "HelloWorld", message: "Hello, world!",
      attributes: ["thread": "main"]),
    LoggerLine(
      logger: "log4j 2 (timeMillis)",
      line:
        #"""
        {"level":"WARN","loggerName":"logstash.codecs.jsonlines","timeMillis":1657218530687,"thread":"[main]<stdin",\#
        "logEvent":{"message":"JSON parse error"}}
        """#,
      time: "2022-07-07T18:28:50.687Z", severity: 13, source: "logstash.codecs.jsonlines", message: "JSON parse error",
      attributes: ["thread": "[main]<stdin"]),
    LoggerLine(
      logger: "logback (logstash encoder)",
      line:
        #"""
        {"@timestamp":"2019-11-03T15:02:01.123+02:00","@version":"1","message":"up","logger_name":"org.x.Y",\#
        "thread_name":"main","level":"ERROR","level_value":40000}
        """#,
      time: "2019-11-03T13:02:01.123Z", severity: 17, source: "org.x.Y", message: "up",
      attributes: ["level_value": 40000, "@version": "1"]),
    LoggerLine(
      logger: "java.util.logging",
      line: #"{"timestamp":"2024-01-15T12:30:45.000Z","level":"FINER","loggerName":"a.b","message":"in"}"#,
      time: "2024-01-15T12:30:45Z", severity: 5, source: "a.b", message: "in"),
    LoggerLine(
      logger: "ECS",
      line:
        #"""
        {"@timestamp":"2019-08-06T12:09:12.375Z","log.level":"INFO","message":"Tomcat started on port(s): 8080 \#
        (http)","service.name":"petclinic"}
        """#,
      time: "2019-08-06T12:09:12.375Z", severity: 9, source: "petclinic",
      message: "Tomcat started on port(s): 8080 (http)"),
    LoggerLine(
      logger: "ECS, nested",
      line:
        #"""
        {"@timestamp":"2019-08-06T12:09:12.375Z","log":{"level":"error","logger":"a.b","origin":{"line":3}},\#
        "message":"nested"}
        """#,
      time: "2019-08-06T12:09:12.375Z", severity: 17, source: "a.b", message: "nested",
      attributes: ["log": .map([LogAttribute("origin", .map([LogAttribute("line", 3)]))])]),
    LoggerLine(
      logger: "CLEF",
      line:
        #"""
        {"@t":"2016-06-07T03:44:57.8532799Z","@m":"Hello, alice","@mt":"Hello, {User}","@l":"Warning","User":"alice"}
        """#,
      time: "2016-06-07T03:44:57.8532799Z", severity: 13, message: "Hello, alice",
      attributes: ["User": "alice", "@mt": "Hello, {User}"]),
    LoggerLine(
      logger: "CLEF without a level",
      line: #"{"@t":"2016-06-07T03:44:57.8532799Z","@mt":"Hello, {User}","User":"alice"}"#,
      time: "2016-06-07T03:44:57.8532799Z", severity: 9, message: "Hello, {User}", attributes: ["User": "alice"]),
    LoggerLine(
      logger: "Serilog",
      line:
        #"""
        {"Timestamp":"2016-06-07T13:44:57.8532799+10:00","Level":"Verbose","MessageTemplate":"Hello, {User}",\#
        "RenderedMessage":"Hello, bob","Properties":{"User":"bob"}}
        """#,
      time: "2016-06-07T03:44:57.8532799Z", severity: 1, message: "Hello, bob",
      attributes: ["MessageTemplate": "Hello, {User}", "Properties": .map([LogAttribute("User", "bob")])]),
    LoggerLine(
      logger: "NLog",
      line:
        #"{ "time": "2010-01-01 12:34:56.0000", "level": "Fatal", "nested": { "message": "m" }, "message": "oops" }"#,
      time: "2010-01-01T12:34:56Z", severity: 21, message: "oops",
      attributes: ["nested": .map([LogAttribute("message", "m")])]),
    LoggerLine(
      logger: "monolog",
      line:
        #"""
        {"message":"monolog","context":{},"level":400,"level_name":"ERROR","channel":"app",\#
        "datetime":"2023-01-01T00:00:00.123456+00:00","extra":{}}
        """#,
      time: "2023-01-01T00:00:00.123456Z", severity: 17, source: "app", message: "monolog",
      attributes: ["level": 400, "context": .map([]), "extra": .map([])]),
    LoggerLine(
      logger: "structlog",
      line: #"{"event":"login","user":7,"level":"critical","timestamp":"2023-01-01T00:00:00.1Z","logger":"auth"}"#,
      time: "2023-01-01T00:00:00.1Z", severity: 18, source: "auth", message: "login", attributes: ["user": 7]),
    LoggerLine(
      logger: "event beside message",
      line: #"{"event":"login","level":"info","message":"User 7 logged in","service":"billing","logger":"db.pool"}"#,
      time: "", severity: 9, source: "db.pool", message: "User 7 logged in",
      attributes: ["event": "login", "service": "billing"]),
    LoggerLine(
      logger: "Python",
      line: #"{"asctime":"2023-01-01 00:00:00,123","levelname":"ERROR","name":"root","levelno":40,"message":"python"}"#,
      time: "2023-01-01T00:00:00.123Z", severity: 17, source: "root", message: "python", attributes: ["levelno": 40]),
    LoggerLine(
      logger: "OTLP",
      line:
        #"""
        {"timeUnixNano":"1544712660300000000","observedTimeUnixNano":"1544712660400000000","severityNumber":10,\#
        "severityText":"Information","traceId":"5b8efff798038103d269b633813fc60c","body":{"stringValue":"Example log \#
        record"},"attributes":[{"key":"k","value":{"intValue":"7"}}]}
        """#,
      time: "2018-12-13T14:51:00.3Z", severity: 10, message: "Example log record",
      attributes: ["severityText": "Information", "traceId": "5b8efff798038103d269b633813fc60c"]),
    LoggerLine(
      logger: "journald",
      line:
        #"""
        {"PRIORITY":"3","__REALTIME_TIMESTAMP":"1423944916375353","MESSAGE":"oops","_PID":"539",\#
        "SYSLOG_IDENTIFIER":"sshd","_COMM":"sshd-session"}
        """#,
      time: "2015-02-14T20:15:16.375353Z", severity: 17, source: "sshd", message: "oops",
      attributes: ["_PID": "539", "_COMM": "sshd-session"]),
    LoggerLine(
      logger: "journald, a message that is not UTF-8",
      line: #"{"PRIORITY":"2","__REALTIME_TIMESTAMP":"1423944916375353","MESSAGE":[111,107],"_COMM":"x"}"#,
      time: "2015-02-14T20:15:16.375353Z", severity: 18, source: "x", message: "ok"),
    LoggerLine(
      logger: "Docker json-file",
      line: #"{"log":"connection refused\n","stream":"stderr","time":"2021-10-22T02:49:09.952519448Z"}"#,
      time: "2021-10-22T02:49:09.952519448Z", severity: 0, message: "connection refused",
      attributes: ["stream": "stderr"]),
    LoggerLine(
      logger: "MongoDB",
      line:
        #"""
        {"t":{"$date":"2020-05-01T15:16:17.180+00:00"},"s":"W","c":"NETWORK","id":12345,"ctx":"listener",\#
        "msg":"Listening on","attr":{"address":"127.0.0.1"}}
        """#,
      time: "2020-05-01T15:16:17.18Z", severity: 13, message: "Listening on",
      attributes: ["c": "NETWORK", "id": 12345, "ctx": "listener"]),
    LoggerLine(
      logger: "PostgreSQL jsonlog",
      line:
        #"""
        {"timestamp":"2024-01-15 12:30:45.123 UTC","pid":17,"error_severity":"LOG","message":"database system is \#
        ready","backend_type":"postmaster"}
        """#,
      time: "2024-01-15T12:30:45.123Z", severity: 9, message: "database system is ready",
      attributes: ["pid": 17, "backend_type": "postmaster"]),
    LoggerLine(
      logger: "a zone of two digits",
      line: #"{"time":"2024-01-01 00:00:00.123+00","msg":"postgres zone of two digits"}"#,
      time: "2024-01-01T00:00:00.123Z", severity: 0, message: "postgres zone of two digits"),
    LoggerLine(
      logger: "tracing",
      line:
        #"""
        {"timestamp":"2023-01-01T00:00:00Z","level":"INFO","fields":{"message":"rust tracing","n":1},"target":"app"}
        """#,
      time: "2023-01-01T00:00:00Z", severity: 9, source: "app", message: "rust tracing",
      attributes: ["fields": .map([LogAttribute("n", 1)])]),
    LoggerLine(
      logger: "Fluent Bit", line: #"{"date":1700000000.123,"log":"fluent-bit stdout"}"#,
      time: "2023-11-14T22:13:20.123Z",
      severity: 0, message: "fluent-bit stdout"),
    LoggerLine(
      logger: "Cloudflare Logpush",
      line:
        #"""
        {"ClientIP":"192.0.2.1","ClientRequestMethod":"GET","EdgeStartTimestamp":"2024-01-15T12:30:45Z",\#
        "EdgeResponseStatus":200}
        """#,
      time: "2024-01-15T12:30:45Z", severity: 0, message: nil, attributes: ["EdgeResponseStatus": 200]),
    LoggerLine(
      logger: "AWS Lambda Powertools",
      line:
        #"""
        {"level":"INFO","location":"collect.handler:7","message":"Collecting payment","timestamp":"2021-05-03 \#
        11:47:12,494+0200","service":"payment"}
        """#,
      time: "2021-05-03T09:47:12.494Z", severity: 9, source: "payment", message: "Collecting payment"),
    LoggerLine(
      logger: "AWS CloudTrail",
      line:
        #"""
        {"eventVersion":"1.08","eventTime":"2024-01-15T12:30:45Z","eventSource":"s3.amazonaws.com",\#
        "eventName":"PutObject"}
        """#,
      time: "2024-01-15T12:30:45Z", severity: 0, source: "s3.amazonaws.com", message: nil,
      attributes: ["eventName": "PutObject"]),
    LoggerLine(
      logger: "Google Cloud",
      line:
        #"""
        {"severity":"EMERGENCY","message":"down","time":"2020-10-12T07:20:50.52Z",\#
        "httpRequest":{"requestMethod":"GET","status":500}}
        """#,
      time: "2020-10-12T07:20:50.52Z", severity: 21, message: "down",
      attributes: ["httpRequest": .map([LogAttribute("requestMethod", "GET"), LogAttribute("status", 500)])]),
    LoggerLine(
      logger: "Google Cloud, exported",
      line:
        #"""
        {"insertId":"a","jsonPayload":{"message":"hi","n":1},"timestamp":{"seconds":1602487250,"nanos":520000000},\#
        "severity":"NOTICE"}
        """#,
      time: "2020-10-12T07:20:50.52Z", severity: 10, message: "hi",
      attributes: ["jsonPayload": .map([LogAttribute("n", 1)])]),
    LoggerLine(
      logger: "Caddy",
      line:
        #"""
        {"level":"info","ts":1646861401.5241024,"logger":"http.log.access","msg":"handled request",\#
        "request":{"method":"GET","headers":{"Accept":["*/*"]}},"status":200}
        """#,
      time: "2022-03-09T21:30:01.5241024Z", severity: 9, source: "http.log.access", message: "handled request",
      attributes: ["status": 200]),
    LoggerLine(
      logger: "nginx, a format in JSON",
      line: #"{"time_local":"10/Oct/2000:13:55:36 -0700","request":"GET / HTTP/1.1","status":"200"}"#,
      time: "2000-10-10T20:55:36Z", severity: 0, message: nil, attributes: ["status": "200"]),
    LoggerLine(
      logger: "GELF",
      line:
        #"""
        {"version":"1.1","host":"example.org","short_message":"disk failing","full_message":"disk failing\nat sda",\#
        "timestamp":1385053862.3072,"level":3,"_user_id":9001}
        """#,
      time: "2013-11-21T17:11:02.3072Z", severity: 17, message: "disk failing",
      attributes: ["full_message": "disk failing\nat sda", "_user_id": 9001, "host": "example.org"]),
    LoggerLine(
      logger: "GELF, 0",
      line:
        #"{"version":"1.1","host":"example.org","message":"system unusable","timestamp":1385053862.3072,"level":0}"#,
      time: "2013-11-21T17:11:02.3072Z", severity: 21, message: "system unusable"),
    LoggerLine(
      logger: "mozlog",
      line:
        #"""
        {"Timestamp":1584630352479602944,"Type":"events","Logger":"fx","EnvVersion":"2.0","Severity":6,"Fields":{},\#
        "msg":"mozlog 2.0"}
        """#,
      time: "2020-03-19T15:05:52.479602944Z", severity: 0, source: "fx", message: "mozlog 2.0",
      attributes: ["Severity": 6]),
  ]
}
