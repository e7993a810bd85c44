internal import Glibc
internal import LogsSystem

/// A socket bound to an endpoint and listening.
struct Binding: ~Copyable {
  private let socket: Descriptor
  let endpoint: Endpoint
  let file: SocketFile?

  consuming func takeSocket() -> Descriptor { socket }

  /// - Parameter asked: a host and port.
  static func tcp(_ asked: Endpoint, backlog: Int32) throws(TransportError) -> Binding {
    guard let (host, port) = asked.hostAndPort else { preconditionFailure("it is a host and port") }
    var failure = TransportError(.nameNotFound, "cannot listen on \(asked): the host \(host) has no address")
    for address in try SocketAddress.resolve(host: host, port: port, flags: AI_PASSIVE) {
      do throws(SystemError) {
        let socket = try Descriptor.socket(family: address.family)
        try socket.allowAddressReuse()
        try socket.bind(to: address)
        try socket.listen(backlog: backlog)
        let boundPort = try SocketAddress.local(of: socket.number).port
        let bound: Endpoint =
          asked.isTLS ? .tls(host: host, port: boundPort) : .tcp(host: host, port: boundPort)
        return Binding(socket: socket, endpoint: bound, file: nil)
      } catch {
        failure = TransportError("cannot listen on \(asked)", cause: error, advice: advice(error, port: port))
      }
    }
    throw failure
  }

  private static func advice(_ error: SystemError, port: UInt16) -> String? {
    switch error.number {
    case EADDRINUSE: "another process listens on port \(port): stop it, or choose another port"
    case EACCES, EPERM: "choose a port from 1024 up"
    case EADDRNOTAVAIL: "choose an address of this machine, or 0.0.0.0 for all"
    default: nil
    }
  }

  /// Its file is left to the program that has opened it.
  static func handed(_ handed: HandedSocket) -> Binding {
    Binding(socket: Descriptor(adopting: handed.number), endpoint: handed.endpoint, file: nil)
  }

  static func unix(path: String, backlog: Int32) throws(TransportError) -> Binding {
    let endpoint = Endpoint.unix(path: path)
    let address = try SocketAddress.unix(path: path)
    do throws(SystemError) {
      let socket = try Descriptor.socket(family: AF_UNIX)
      do throws(SystemError) {
        try socket.bind(to: address)
      } catch {
        guard error.number == EADDRINUSE else { throw error }
        try removeStaleFile(path, address)
        try socket.bind(to: address)
      }
      try socket.listen(backlog: backlog)
      return Binding(socket: socket, endpoint: endpoint, file: SocketFile(path: path))
    } catch {
      throw TransportError(
        "cannot listen on \(endpoint)", cause: error, advice: advice(error, path: path),
        code: error.number == ENOENT ? .addressNotAvailable : nil)
    }
  }

  /// Removes the socket file of a server that died. A socket that somebody listens on is not removed.
  private static func removeStaleFile(_ path: String, _ address: SocketAddress) throws(SystemError) {
    guard SocketFile.isSocket(path) else { throw SystemError(EEXIST) }
    let probe = try Descriptor.socket(family: AF_UNIX)
    do throws(SystemError) {
      try probe.connect(to: address)
    } catch {
      guard error.number == ECONNREFUSED else { throw SystemError(EADDRINUSE) }
      guard unsafe unlink(path) == 0 else { throw .last }
      return
    }
    throw SystemError(EADDRINUSE)
  }

  private static func advice(_ error: SystemError, path: String) -> String? {
    switch error.number {
    case EADDRINUSE: "another process listens there: stop it, or choose another path"
    case EEXIST: "\(path) is no socket, so it is left alone: choose another path"
    case EACCES, EPERM: "check who may write to the directory"
    case ENOENT: "make the directory first"
    default: nil
    }
  }
}
