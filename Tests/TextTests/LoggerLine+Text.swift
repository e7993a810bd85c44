import LogsText
import LogsWire

extension LoggerLine {
  /// Text with a time at the beginning, a level, or both. The line stays the message.
  static let text: [LoggerLine] = [
    written("logback", "2026-01-09 15:04:05,123 ERROR [main] c.e.App - pay failed", "15:04:05.123", 17),
    written("Spring Boot", "2026-01-09T15:04:05.123Z  WARN 1 --- [nio-8080] c.e.App : slow", "15:04:05.123", 13),
    written("log4j, thread first", "2026-01-09 15:04:05 [worker-7] DEBUG app.Pool - idle", "15:04:05", 5),
    written(
      "java.util.logging of Tomcat", "09-Jan-2026 15:04:05.123 SEVERE [main] org.apache.x: y", "15:04:05.123", 17),
    written("Python, with names", "2026-01-09 15:04:05,123 - app.db - WARNING - slow query", "15:04:05.123", 13),
    written("Python, basicConfig", "ERROR:root:pay failed", nil, 17),
    written(
      "Django, gunicorn", "[2026-01-09 15:04:05 +0000] [7] [INFO] Listening at: http://0.0.0.0:80", "15:04:05", 9),
    written("Serilog", "2026-01-09 15:04:05.123 +01:00 [ERR] pay failed", "14:04:05.123", 17),
    written("Serilog, console", "[15:04:05 FTL] Host terminated", nil, 21),
    written(".NET, console", "fail: Program[0]", nil, 17),
    written("NLog", "2026-01-09 15:04:05.1234|FATAL|App|gone", "15:04:05.1234", 21),
    written("Go", "2026/01/09 15:04:05 http: Server closed", "15:04:05", 0),
    written("zap, console", "2026-01-09T15:04:05.123Z\tinfo\tcmd/main.go:7\tstarted", "15:04:05.123", 9),
    written("env_logger", "[2026-01-09T15:04:05Z INFO  app::http] started", "15:04:05", 9),
    written("tracing", "2026-01-09T15:04:05.123456Z ERROR app: pay failed error=x", "15:04:05.123456", 17),
    written(
      "tracing, in colours",
      "\u{1b}[2m2026-01-09T15:04:05.123Z\u{1b}[0m \u{1b}[32m INFO\u{1b}[0m \u{1b}[2mapp\u{1b}[0m: started",
      "15:04:05.123", 9),
    written("Laravel", "[2026-01-09 15:04:05] production.ERROR: pay failed", "15:04:05", 17),
    written("PostgreSQL", "2026-01-09 15:04:05.123 UTC [42] LOG:  checkpoint starting", "15:04:05.123", 9),
    written(
      "PostgreSQL, error", "2026-01-09 15:04:05.123 EST [42] ERROR:  relation does not exist", "20:04:05.123", 17),
    written("winston, simple", "error: pay failed", nil, 17),
    written("a compiler's", "Warning: x=1, y=2", nil, 13),
    written("swift-log", "2026-01-09T15:04:05+0000 warning app : slow", "15:04:05", 13),
    written("level first", "[WARN] 2026-01-09 15:04:05 slow", "15:04:05", 13),
    written(
      "MySQL", "2026-01-09T15:04:05.123456Z 0 [Warning] [MY-010068] [Server] CA is self signed", "15:04:05.123456", 13),
  ]

  /// - Parameter clock: on 9 January 2026, in UTC.
  private static func written(_ logger: String, _ line: String, _ clock: String?, _ severity: UInt8) -> LoggerLine {
    LoggerLine(
      logger: logger, line: line, format: .text, time: clock.map { "2026-01-09T\($0)Z" } ?? "", severity: severity,
      message: nil)
  }
}
