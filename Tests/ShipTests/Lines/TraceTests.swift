import LogsWire
import Testing

@testable import LogsShip

/// Stack traces as languages write them, each one entry between its neighbours.
struct TraceTests {
  static let traces: [(name: String, text: String)] = [
    (
      "Java behind its log line",
      """
      2026-01-10 12:00:00,123 ERROR [main] c.e.App - request failed
      java.lang.IllegalStateException: no room
      \tat com.example.App.run(App.java:12)
      \tat com.example.App.main(App.java:7)
      Caused by: java.io.IOException: disk full
      \tat com.example.Disk.write(Disk.java:3)
      \t... 12 more
      \tSuppressed: java.lang.Exception: close
      \t\tat com.example.Disk.close(Disk.java:9)
      Caused by: com.example.Refusal
      \t... 14 common frames omitted
      """
    ),
    (
      "Java with a message of several lines",
      """
      org.postgresql.util.PSQLException: ERROR: syntax error
        Position: 12
      \tat org.postgresql.core.v3.QueryExecutorImpl.receive(QueryExecutorImpl.java:2676)
      """
    ),
    ("Java, a thread", "Exception in thread \"main\" java.lang.Error: x\n\tat A.main(A.java:1)"),
    (
      "Python",
      """
      Traceback (most recent call last):
        File "/app/a.py", line 3, in f
          return 1 / 0
                 ~~^~~
      ZeroDivisionError: division by zero

      During handling of the above exception, another exception occurred:

      Traceback (most recent call last):
        File "/app/a.py", line 9, in <module>
          f()
      RuntimeError: failed

      The above exception was the direct cause of the following exception:

      Traceback (most recent call last):
        File "/app/b.py", line 1, in <module>
      ValueError
      """
    ),
    (
      "Python's logging",
      "ERROR:root:failed\nTraceback (most recent call last):\n  File \"a.py\", line 1, in f\nKeyError: 'x'"
    ),
    (
      "Python, an exception group",
      """
        + Exception Group Traceback (most recent call last):
        |   File "a.py", line 1, in <module>
        | ExceptionGroup: both (2 sub-exceptions)
        +-+---------------- 1 ----------------
          | ValueError: a
          +---------------- 2 ----------------
          | ValueError: b
          +------------------------------------
      """
    ),
    (
      "Go, a panic",
      """
      panic: runtime error: index out of range [5] with length 3 [recovered]
      \tpanic: again

      goroutine 1 [running]:
      main.main.func1()
      \t/app/main.go:12 +0x1d
      panic({0x45e5c0?, 0xc00001a0f0?})
      \t/usr/local/go/src/runtime/panic.go:884 +0x213
      created by main.main in goroutine 7
      \t/app/main.go:20 +0x25
      exit status 2
      """
    ),
    (
      "Go, a dump of goroutines",
      """
      fatal error: all goroutines are asleep - deadlock!

      goroutine 1 [chan receive, 5 minutes]:
      main.main()
      \t/app/main.go:5 +0x2d

      goroutine 18 [select (no cases)]:
      main.(*Server).wait(0xc000012345)
      \t/app/main.go:9 +0x1d
      """
    ),
    (
      "Go, a server's request",
      """
      2026/01/10 12:00:00 http: panic serving 127.0.0.1:51234: boom
      goroutine 19 [running]:
      net/http.(*conn).serve.func1()
      \t/usr/local/go/src/net/http/server.go:1850 +0xbf
      """
    ),
    (
      ".NET",
      """
      Unhandled exception. System.InvalidOperationException: outer
       ---> System.ArgumentNullException: Value cannot be null. (Parameter 'x')
         at App.Inner() in /app/Program.cs:line 9
         --- End of inner exception stack trace ---
         at App.Main() in /app/Program.cs:line 5
      --- End of stack trace from previous location ---
         at App.Last()
      """
    ),
    (
      ".NET's console",
      """
      fail: Microsoft.AspNetCore.Server.Kestrel[13]
            Connection id "0HM", Request id "0HM:1": An unhandled exception was thrown.
            System.Exception: x
               at Program.Main() in /app/Program.cs:line 3
      """
    ),
    (
      "Rust",
      """
      thread 'main' panicked at src/main.rs:2:5:
      index out of bounds: the len is 3 but the index is 99
      stack backtrace:
         0: rust_begin_unwind
                   at /rustc/9fc6b431/library/std/src/panicking.rs:652:5
         1: core::panicking::panic_fmt
      note: Some details are omitted, run with `RUST_BACKTRACE=full` for a verbose backtrace.
      """
    ),
    (
      "Rust before 1.73",
      """
      thread 'main' panicked at 'boom', src/main.rs:2:5
      note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace
      """
    ),
    (
      "Swift",
      """
      Swift/ContiguousArrayBuffer.swift:600: Fatal error: Index out of range

      *** Signal 5: Backtracing from 0x7f5c2a5f8b9c... done ***

      *** Program crashed: System trap at 0x00007f5c2a5f8b9c ***

      Thread 0 "crash" crashed:

      0      0x00007f5c2a5f8b9c _assertionFailure(_:_:file:line:flags:) + 360 in libswiftCore.so
      1 [ra] 0x000055d0f2a4d1c3 main + 100 in crash at /app/main.swift:3:7

           1│ let values = [1, 2, 3]
           3│ print(values[5])
            │       ▲

      Registers:

      rax 0x0000000000000000  0
      rip 0x00007f5c2a5f8b9c  0f 0b

      Images (25 omitted):

      0x000055d0f2a4c000–0x000055d0f2a4e000 <no build ID> crash /app/crash

      Backtrace took 0.05s
      """
    ),
    (
      "Node.js",
      """
      /app/index.js:12
          throw new TypeError('no room');
          ^

      TypeError: no room
          at run (/app/index.js:12:9)
          at Object.<anonymous> (/app/index.js:20:1) {
        code: 'E_ROOM',
        [cause]: Error: disk
            at write (/app/disk.js:3:1)
      }

      Node.js v20.11.0
      """
    ),
    (
      "Node.js, logged",
      "Error: connect ECONNREFUSED\n    at TCPConnectWrap.afterConnect [as oncomplete] (node:net:1495:16)"
    ),
  ]

  @Test(arguments: traces.indices) func `a trace is one entry`(index: Int) {
    let trace = Self.traces[index]
    var lines = LineHarness()
    lines.add("before")
    lines.addAll(trace.text)
    lines.add("behind")
    lines.flush()
    #expect(lines.texts == ["before", trace.text, "behind"], "\(trace.name)")
    #expect(lines.ends.last == lines.lineCount)
    #expect(lines.pipeline.deadline == nil)
  }

  @Test(arguments: traces.indices) func `a trace waits for more and ends by itself`(index: Int) throws {
    let trace = Self.traces[index]
    var lines = LineHarness()
    lines.addAll(trace.text)
    #expect(lines.entries.isEmpty, "\(trace.name)")
    let deadline = try #require(lines.pipeline.deadline)
    #expect(deadline > lines.now)
    #expect(deadline <= lines.now + .seconds(1))
    lines.flush()
    #expect(lines.texts == [trace.text], "\(trace.name)")
    #expect(lines.ends == [lines.lineCount])
  }

  @Test func `two traces follow each other`() {
    for trace in Self.traces where !trace.name.hasPrefix("Rust") {
      var lines = LineHarness()
      lines.addAll(trace.text)
      lines.add("2026-01-10 12:00:01 INFO between")
      lines.addAll(trace.text)
      lines.flush()
      #expect(lines.texts == [trace.text, "2026-01-10 12:00:01 INFO between", trace.text], "\(trace.name)")
    }
  }

  @Test(arguments: [
    "GET /index.html 200", "2026-01-10 12:00:00 INFO started", "{\"level\":\"error\",\"msg\":\"x\"}", "", "   ",
    "  indented", "level=info msg=ok", "I0102 15:04:05.678901 12345 file.go:123] text", "}", "\u{1b}[32mok\u{1b}[0m",
    "time: 12:00", "com.example.Main started", "127.0.0.1 - - [10/Jan/2026:12:00:00 +0200] \"GET / HTTP/1.1\" 200 1",
    "/var/log/app.log", "NOTICE: Environment is Execution", "Listening on http://0.0.0.0:80",
  ]) func `an ordinary line does not wait`(text: String) {
    var lines = LineHarness()
    lines.add(text)
    #expect(lines.entries.count == 1)
    #expect(lines.pipeline.deadline == nil)
  }

  @Test(arguments: [
    "2026-01-10 ERROR x", "FATAL: y", "E0102 15:04:05.678901 1 a.go:1] z", "a.b.Refusal: w", "SEVERE: v",
  ])
  func `a line that may have a trace behind it waits for a moment`(text: String) throws {
    var lines = LineHarness { $0.format = .raw }
    lines.add(text)
    #expect(lines.entries.isEmpty)
    #expect(lines.pipeline.deadline == lines.now + .milliseconds(50))
    lines.add("next")
    #expect(lines.texts == [text, "next"])
    #expect(lines.ends == [1, 2])
  }

  @Test func `lines that no trace follows stay single`() {
    var lines = LineHarness()
    lines.addAll("ERROR one\n  detail\n\nERROR two\nERROR three\nsomething else")
    lines.flush()
    #expect(lines.texts == ["ERROR one", "  detail", "", "ERROR two", "ERROR three", "something else"])
    #expect(lines.ends == [1, 2, 3, 4, 5, 6])
  }

  @Test func `the first line gives level, time and fields`() throws {
    var lines = LineHarness { $0.zone = .utc }
    lines.addAll(
      "level=error ts=2026-01-10T12:00:00Z msg=\"ERROR failed\" user=7\njava.lang.Error: x\n\tat A.b(A.java:1)")
    lines.flush()
    let entry = try #require(lines.entries.first)
    #expect(lines.entries.count == 1)
    #expect(entry.severity == .error)
    #expect(entry.time == 1_768_046_400_000_000_000)
    #expect(entry.text == "ERROR failed\njava.lang.Error: x\n\tat A.b(A.java:1)")
    #expect(entry.attributes == [LogAttribute("user", 7)])
  }
}
