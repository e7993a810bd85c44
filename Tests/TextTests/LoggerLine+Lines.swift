import LogsText
import LogsWire

extension LoggerLine {
  /// `key=value` lines.
  static let textual: [LoggerLine] = [
    LoggerLine(
      logger: "slog text", line: #"time=2022-11-08T15:28:26.000-05:00 level=DEBUG-4 msg="hello \"you\"" count=3"#,
      format: .logfmt, time: "2022-11-08T20:28:26Z", severity: 1, message: #"hello "you""#, attributes: ["count": 3]),
    LoggerLine(
      logger: "log15", line: #"t=2014-05-02T16:07:23-0700 lvl=eror msg="lost page" path=/x"#, format: .logfmt,
      time: "2014-05-02T23:07:23Z", severity: 17, message: "lost page", attributes: ["path": "/x"]),
    LoggerLine(
      logger: "logrus text",
      line:
        #"""
        time="2015-03-26T01:27:38-04:00" level=fatal msg="The ice breaks!" err=&{0x2082280c0 map[animal:orca \#
        size:9009] panic It's over 9000!} number=100 omg=true
        """#,
      format: .logfmt, time: "2015-03-26T05:27:38Z", severity: 21, message: "The ice breaks!",
      attributes: ["number": 100, "omg": true, "err": "&{0x2082280c0", "panic": .empty]),
    LoggerLine(
      logger: "colours around keys",
      line: "\u{1b}[2mts=2024-09-19T10:00:00Z\u{1b}[0m \u{1b}[32mlvl\u{1b}[0m=info msg=colored", format: .logfmt,
      time: "2024-09-19T10:00:00Z", severity: 9, message: "colored"),
    LoggerLine(
      logger: "words without a value", line: #"level=warn msg=hello debug empty= q="""#, format: .logfmt, time: "",
      severity: 13, message: "hello", attributes: ["debug": .empty, "empty": "", "q": ""]),
  ]

  /// Lines of other shapes. `auto` recognizes all of these.
  static let lines: [LoggerLine] = [
    LoggerLine(
      logger: "RFC 3164", line: "<34>Oct 11 22:14:15 mymachine su[230]: 'su root' failed for lonvick", format: .syslog,
      time: "2025-10-11T22:14:15Z", severity: 18, source: "su", message: "'su root' failed for lonvick",
      attributes: ["facility": 4, "host": "mymachine", "pid": 230]),
    LoggerLine(
      logger: "RFC 3164, in a file", line: "Jan  9 05:19:07 host1 kernel: usb 1-1: reset", format: .syslog,
      time: "2026-01-09T05:19:07Z", severity: 0, source: "kernel", message: "usb 1-1: reset",
      attributes: ["host": "host1"]),
    LoggerLine(
      logger: "RFC 3164, in a file of rsyslog", line: "2026-01-09T05:19:07.123456+01:00 host1 cron[7]: (root) CMD (x)",
      format: .syslog, time: "2026-01-09T04:19:07.123456Z", severity: 0, source: "cron", message: "(root) CMD (x)",
      attributes: ["host": "host1", "pid": 7]),
    LoggerLine(
      logger: "RFC 5424",
      line:
        """
        <165>1 2003-10-11T22:14:15.003Z mymachine.example.com evntslog - ID47 [exampleSDID@32473 iut=\"3\" \
        eventSource=\"a\\]b\"] \u{FEFF}An application event
        """,
      format: .syslog, time: "2003-10-11T22:14:15.003Z", severity: 10, source: "evntslog",
      message: "An application event",
      attributes: [
        "facility": 20, "host": "mymachine.example.com", "msgid": "ID47",
        "exampleSDID@32473": .map([LogAttribute("iut", "3"), LogAttribute("eventSource", "a]b")]),
      ]),
    LoggerLine(
      logger: "klog", line: #"E0109 15:04:05.678901   12345 file.go:123] "Pod failed" pod="kube-system/dns""#,
      format: .klog, time: "2026-01-09T15:04:05.678901Z", severity: 17,
      message: #""Pod failed" pod="kube-system/dns""#, attributes: ["thread": 12345, "caller": "file.go:123"]),
    LoggerLine(
      logger: "CRI", line: "2016-10-06T00:17:09.669794202Z stdout F log content 1", format: .cri,
      time: "2016-10-06T00:17:09.669794202Z", severity: 0, message: "log content 1", attributes: ["stream": "stdout"]),
    LoggerLine(
      logger: "CRI, in parts", line: "2016-10-06T00:17:09.669794202Z stderr P half", format: .cri,
      time: "2016-10-06T00:17:09.669794202Z", severity: 0, message: "half", attributes: ["tag": "P"]),
    LoggerLine(
      logger: "access, combined",
      line:
        #"""
        127.0.0.1 - frank [10/Oct/2000:13:55:36 -0700] "GET /apache_pb.gif HTTP/1.0" 200 2326 \#
        "http://www.example.com/start.html" "Mozilla/4.08 [en] (Win98; I ;Nav)"
        """#,
      format: .access, time: "2000-10-10T20:55:36Z", severity: 0, message: nil,
      attributes: [
        "client": "127.0.0.1", "user": "frank", "method": "GET", "path": "/apache_pb.gif", "protocol": "HTTP/1.0",
        "status": 200, "bytes": 2326, "agent": "Mozilla/4.08 [en] (Win98; I ;Nav)",
      ]),
    LoggerLine(
      logger: "access, common", line: #"::1 - - [09/Jan/2026:13:55:36 +0000] "\x16\x03" 400 -"#, format: .access,
      time: "2026-01-09T13:55:36Z", severity: 0, message: nil,
      attributes: ["request": #"\x16\x03"#, "status": 400]),
    LoggerLine(
      logger: "nginx errors",
      line:
        #"2021/10/22 02:49:09 [error] 31#31: *1 open() "/x" failed (2: No such file or directory), client: 172.17.0.1"#,
      format: .error, time: "2021-10-22T02:49:09Z", severity: 17,
      message: #"*1 open() "/x" failed (2: No such file or directory), client: 172.17.0.1"#,
      attributes: ["pid": 31, "tid": 31]),
    LoggerLine(
      logger: "Apache errors",
      line:
        """
        [Fri Sep 09 10:42:29.902022 2011] [core:error] [pid 35708:tid 4328636416] [client 72.15.99.187] File does not \
        exist
        """,
      format: .error, time: "2011-09-09T10:42:29.902022Z", severity: 17,
      message: "[client 72.15.99.187] File does not exist",
      attributes: ["module": "core", "pid": 35708, "tid": 4_328_636_416]),
    LoggerLine(
      logger: "Apache errors before 2.4", line: "[Sun Dec 04 04:47:44 2005] [notice] workerEnv.init() ok",
      format: .error,
      time: "2005-12-04T04:47:44Z", severity: 10, message: "workerEnv.init() ok"),
    LoggerLine(
      logger: "PostgreSQL csvlog",
      line:
        #"""
        2024-01-15 12:30:45.123 UTC,"app","shop",4711,"10.0.0.7:5555",65a5,3,"INSERT",2024-01-15 12:00:00 UTC,4/7,0,\#
        ERROR,23505,"duplicate key, ""a""",,,,,,"insert into t",,,"web","client backend",,0
        """#,
      format: .postgres, time: "2024-01-15T12:30:45.123Z", severity: 17, message: #"duplicate key, "a""#,
      attributes: ["user_name": "app", "process_id": 4711, "sql_state_code": "23505", "query_id": 0]),
  ]
}
