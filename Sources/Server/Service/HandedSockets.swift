internal import Glibc
internal import LogsTransport

/// Sockets that the service manager has opened and hands over, as sd_listen_fds(3) has it.
enum HandedSockets {
  /// The number of the first one; the others follow.
  private static let firstNumber: Int32 = 3
  /// Names by which a unit says what is spoken on its sockets (`FileDescriptorName=`).
  private static let kinds: [String: (language: Door.Language, isTLS: Bool)] = [
    "logs": (.frames, false), "logs-tls": (.frames, true), "http": (.http, false), "https": (.http, true),
  ]
  /// The name of the sockets of `logsd.socket` if the unit sets none (systemd.socket(5)).
  private static let unitName = "logsd.socket"

  /// Whether they are meant for this process, not for one that it was started by.
  private static func areOurs(_ environment: [String: String]) -> Bool {
    environment["LISTEN_PID"] == String(getpid())
  }

  /// Why sockets that seem to have been handed over are not used; nil if there are none, or they are used.
  static func remark(_ environment: [String: String]) -> String? {
    guard let count = environment["LISTEN_FDS"] else {
      guard environment["LISTEN_PID"] != nil else { return nil }
      return "no sockets are taken over: LISTEN_PID is set, and LISTEN_FDS, which says how many there are, is not"
    }
    guard areOurs(environment) else {
      let meant = environment["LISTEN_PID"].map { "LISTEN_PID is \($0)" } ?? "LISTEN_PID is not set"
      return """
        sockets were handed over (LISTEN_FDS is \(count)) and are not used: \(meant), and this is process \(getpid()); \
        a program in between has to replace itself with logsd (exec)
        """
    }
    guard UInt16(count) == nil else { return nil }
    return "no sockets are taken over: LISTEN_FDS is '\(count)', which is no number"
  }

  /// The doors that they are. Without names they are for the wire protocol in plain text.
  ///
  /// - Parameter environment: of the process.
  /// - Throws: which one cannot be used, and why.
  static func doors(_ environment: [String: String]) throws(SettingError) -> [Door] {
    guard areOurs(environment), let count = environment["LISTEN_FDS"].flatMap(UInt16.init) else { return [] }
    let names = environment["LISTEN_FDNAMES"].map { text in
      text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
    }
    var doors: [Door] = []
    for index in 0..<Int(count) {
      let name = names.map { $0.indices.contains(index) ? $0[index] : "" } ?? "logs"
      guard let kind = kinds[name == unitName ? "logs" : name] else {
        throw SettingError(
          "a socket of the service manager has the name '\(name)'; set FileDescriptorName= in its unit to one of "
            + kinds.keys.sorted().joined(separator: ", "))
      }
      do throws(TransportError) {
        doors.append(Door(try HandedSocket(number: firstNumber + Int32(index), isTLS: kind.isTLS), kind.language))
      } catch { throw SettingError(error.message) }
    }
    return doors
  }
}
