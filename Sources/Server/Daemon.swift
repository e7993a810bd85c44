internal import Glibc
internal import Synchronization

/// The command `logsd`: reads its settings, serves until it is told to stop, and says how it went by its exit code.
package enum Daemon {
  package static func run(arguments: [String]) async -> Int32 {
    let configuration: Configuration
    do { configuration = try Configuration(arguments: arguments, environment: variable) } catch {
      Output.error("logsd: \(error)")
      return 2
    }
    switch configuration.request {
    case .help:
      Output.line(Configuration.help)
      return 0
    case .version:
      Output.line(Version.server)
      return 0
    case .printConfig:
      Output.line(configuration.description)
      return 0
    case .run: return await serve(configuration.settings)
    }
  }

  private static func variable(_ name: String) -> String? {
    guard let value = unsafe getenv(name) else { return nil }
    return unsafe String(cString: value)
  }

  private static func serve(_ settings: ServerSettings) async -> Int32 {
    let server: Server
    do { server = try await Server.start(settings, log: { Output.error("logsd: \($0)") }) } catch {
      Output.error("logsd: \(error)")
      return 1
    }
    await server.watchSignals()
    for endpoint in server.endpoints { Output.line("ready \(endpoint)") }
    switch await server.untilStopped() {
    case .signal(let number):
      Output.error("logsd: stopping (\(number == SIGINT ? "SIGINT" : "SIGTERM"))")
      await server.drain()
      return 0
    case .storeFailed(let reason):
      Output.error("logsd: \(reason)")
      await server.drain()
      return 1
    }
  }
}

/// stdout and stderr, line by line: what one call writes is not torn by another.
enum Output {
  private static let lock = Mutex(())

  static func line(_ text: String) { write(text, to: STDOUT_FILENO) }
  static func error(_ text: String) { write(text, to: STDERR_FILENO) }

  private static func write(_ text: String, to file: Int32) {
    let bytes = Array((text + "\n").utf8)
    lock.withLock { _ in
      var offset = 0
      while offset < bytes.count {
        let count = unsafe bytes[offset...].withUnsafeBytes { unsafe Glibc.write(file, $0.baseAddress, $0.count) }
        // Nobody reads the log any more; that is no reason to stop serving.
        guard count > 0 || errno == EINTR else { return }
        offset += max(count, 0)
      }
    }
  }
}
