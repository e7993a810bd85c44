internal import Glibc

/// The program that started this one, if it wants to hear of its state: systemd, by the datagrams of sd_notify(3).
package struct ServiceManager: Sendable {
  /// How often it wants a sign of life; nil for never.
  package let watchdog: Duration?
  /// The path of its socket; in the abstract namespace if it begins with a zero byte.
  private let socketPath: [UInt8]

  /// - Parameter environment: of the process. nil if nobody wants to hear anything.
  package init?(_ environment: [String: String]) {
    guard let path = environment["NOTIFY_SOCKET"], let first = path.utf8.first else { return nil }
    let isAbstract = first == UInt8(ascii: "@")
    guard isAbstract || first == UInt8(ascii: "/") else { return nil }
    socketPath = isAbstract ? [0] + path.utf8.dropFirst() : Array(path.utf8)
    // Meant for this process, not for one that it was started by.
    let isOurs = environment["WATCHDOG_PID"].map { $0 == String(getpid()) } ?? true
    let microseconds = isOurs ? environment["WATCHDOG_USEC"].flatMap { Int64($0) } : nil
    watchdog = microseconds.flatMap { $0 > 0 ? .microseconds($0) : nil }
  }

  /// It does what it is for; or has read again what can be read again.
  package func ready() { send("READY=1") }

  package func reloading() {
    send("RELOADING=1\nMONOTONIC_USEC=\(SystemClock.monotonic() / 1_000)")
  }

  package func stopping() { send("STOPPING=1") }

  /// One line for `systemctl status`.
  package func tell(_ status: String) { send("STATUS=\(status)") }

  package func isAlive() { send("WATCHDOG=1") }

  /// Failures are ignored: the program is the same without it.
  private func send(_ text: String) {
    let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { return }
    defer { close(descriptor) }
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let capacity = MemoryLayout.size(ofValue: address.sun_path)
    guard socketPath.count < capacity else { return }
    unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: socketPath) }
    let isAbstract = socketPath.first == 0
    let length = MemoryLayout<sa_family_t>.size + socketPath.count + (isAbstract ? 0 : 1)
    let bytes = Array(text.utf8)
    unsafe withUnsafePointer(to: address) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe _ = sendto(
          descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT), $0, socklen_t(length))
      }
    }
  }
}
