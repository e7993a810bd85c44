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

  /// The doors that they are. Without names they are for the wire protocol in plain text.
  ///
  /// - Parameter environment: of the process.
  /// - Throws: which one cannot be used, and why.
  static func doors(_ environment: [String: String]) throws(SettingError) -> [Door] {
    // Meant for this process, not for one that it was started by.
    guard environment["LISTEN_PID"] == String(getpid()), let count = environment["LISTEN_FDS"].flatMap(UInt16.init)
    else { return [] }
    let names = environment["LISTEN_FDNAMES"].map { text in
      text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
    }
    var doors: [Door] = []
    for index in 0..<Int(count) {
      let name = names.map { $0.indices.contains(index) ? $0[index] : "" } ?? "logs"
      guard let kind = kinds[name] else {
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
