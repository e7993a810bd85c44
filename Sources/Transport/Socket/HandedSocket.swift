internal import Glibc
internal import LogsSystem

/// A socket that listens already: the program that started this one has opened it and hands it over.
package struct HandedSocket: Hashable, Sendable {
  /// Its descriptor, which belongs to the listener that gets it.
  package let number: Int32
  /// Where it listens.
  package let endpoint: Endpoint

  /// Makes the descriptor one that programs started from here do not inherit.
  ///
  /// - Parameter isTLS: whether clients are to speak TLS.
  /// - Throws: why it cannot be listened on.
  package init(number: Int32, isTLS: Bool) throws(TransportError) {
    self.number = number
    let name = "the socket with the descriptor \(number), which was handed over,"
    let (address, listens): (SocketAddress, Bool)
    do throws(SystemError) {
      for (command, query, flag) in [(F_SETFD, F_GETFD, FD_CLOEXEC), (F_SETFL, F_GETFL, O_NONBLOCK)] {
        let flags = fcntl(number, query)
        guard flags >= 0, fcntl(number, command, flags | flag) >= 0 else { throw .last }
      }
      address = try SocketAddress.local(of: number)
      let (type, state) = (try Self.option(SO_TYPE, of: number), try Self.option(SO_ACCEPTCONN, of: number))
      listens = type == Int32(SOCK_STREAM.rawValue) && state != 0
    } catch { throw TransportError("\(name) cannot be used", cause: error) }
    guard listens else {
      throw TransportError(.invalidEndpoint, "\(name) does not listen; use ListenStream= in the unit")
    }
    if let path = address.path {
      guard !isTLS else {
        throw TransportError(.invalidEndpoint, "\(name) is a Unix socket, which has no TLS; give it another name")
      }
      endpoint = .unix(path: path)
    } else if let host = address.host {
      endpoint = isTLS ? .tls(host: host, port: address.port) : .tcp(host: host, port: address.port)
    } else {
      throw TransportError(.invalidEndpoint, "\(name) is neither of TCP nor a Unix socket")
    }
  }

  private static func option(_ option: Int32, of number: Int32) throws(SystemError) -> Int32 {
    var value: Int32 = 0
    var size = socklen_t(MemoryLayout<Int32>.size)
    guard unsafe getsockopt(number, SOL_SOCKET, option, &value, &size) == 0 else { throw .last }
    return value
  }
}
