internal import CEvent
internal import Glibc
internal import LogsSystem

/// An address of the socket API.
struct SocketAddress: Sendable {
  private var storage: sockaddr_storage
  private var length: socklen_t

  var family: Int32 { Int32(storage.ss_family) }

  /// The address of a Unix socket.
  static func unix(path: String) throws(TransportError) -> SocketAddress {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let bytes = Array(path.utf8)
    // One byte is reserved for the terminating zero.
    let byteCountMax = MemoryLayout.size(ofValue: address.sun_path) - 1
    guard bytes.count <= byteCountMax else {
      throw TransportError(
        .pathTooLong,
        """
        the path of a Unix socket has at most \(byteCountMax) bytes, this one has \(bytes.count): \(path); use a \
        shorter one
        """
      )
    }
    unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: bytes) }
    return unsafe withUnsafeBytes(of: address) { unsafe SocketAddress(copying: $0) }
  }

  /// The addresses of a host, best first. Blocks for name servers unless `host` is numeric.
  ///
  /// - Parameter flags: of `getaddrinfo(3)`, such as `AI_PASSIVE`.
  static func resolve(host: String, port: UInt16, flags: Int32 = 0) throws(TransportError) -> [SocketAddress] {
    var hints = unsafe addrinfo()
    unsafe hints.ai_flags = flags | AI_NUMERICSERV
    unsafe hints.ai_family = AF_UNSPEC
    unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    var list: UnsafeMutablePointer<addrinfo>?
    let status = unsafe getaddrinfo(host, String(port), &hints, &list)
    defer { if let list = unsafe list { unsafe freeaddrinfo(list) } }
    guard status == 0 else { throw nameError(host, status) }
    var addresses: [SocketAddress] = []
    var next = unsafe list
    while let info = unsafe next {
      if let address = unsafe info.pointee.ai_addr {
        unsafe addresses.append(
          SocketAddress(copying: UnsafeRawBufferPointer(start: address, count: Int(info.pointee.ai_addrlen))))
      }
      unsafe next = info.pointee.ai_next
    }
    return addresses
  }

  private static func nameError(_ host: String, _ status: Int32) -> TransportError {
    let cause = status == EAI_SYSTEM ? SystemError.last : nil
    let why =
      if let cause {
        cause.description
      } else if let text = unsafe gai_strerror(status) {
        unsafe String(cString: text)
      } else {
        "error \(status)"
      }
    return TransportError(
      .nameNotFound, "the host \(host) was not found: \(why); check the name, or write its IP address", cause: cause)
  }

  /// The address that `descriptor` is bound to.
  static func local(of descriptor: Int32) throws(SystemError) -> SocketAddress {
    var address = SocketAddress()
    let status = unsafe address.withMutablePointer { unsafe getsockname(descriptor, $0, $1) }
    guard status == 0 else { throw .last }
    return address
  }

  static func family(of descriptor: Int32) -> Int32 {
    do throws(SystemError) { return try local(of: descriptor).family } catch { return AF_UNSPEC }
  }

  /// The next connection in the queue of a listening socket.
  static func accept(from descriptor: Int32) throws(SystemError) -> AcceptedSocket {
    var address = SocketAddress()
    let number = unsafe address.withMutablePointer { unsafe logs_accept(descriptor, $0, $1) }
    guard number >= 0 else { throw .last }
    // Peers on Unix sockets have no address.
    let isUnix = address.family == AF_UNIX
    let process = isUnix ? PeerProcess(of: number) : nil
    let local = process.map { "unix socket of user \($0.user), process \($0.number)" } ?? "unix socket"
    let peer = isUnix ? local : address.description
    return AcceptedSocket(Descriptor(adopting: number), peer: peer, process: process)
  }

  /// The port of a TCP address.
  var port: UInt16 {
    UInt16(numericParts?.port ?? "") ?? 0
  }

  /// The numeric host of a TCP address; nil for others.
  var host: String? { family == AF_INET || family == AF_INET6 ? numericParts?.host : nil }

  /// The path of a Unix socket, with `@` for the zero byte that begins an abstract name; nil for other addresses.
  var path: String? {
    guard family == AF_UNIX else { return nil }
    let offset = MemoryLayout<sa_family_t>.size
    let bytes = unsafe withUnsafeBytes(of: storage) { unsafe Array($0[offset..<max(offset, Int(length))]) }
    guard bytes.first == 0 else { return String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self) }
    return "@" + String(decoding: bytes.dropFirst(), as: UTF8.self)
  }

  func withPointer<Result>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
    unsafe withUnsafePointer(to: storage) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe body($0, length) }
    }
  }

  private init() {
    storage = sockaddr_storage()
    length = socklen_t(MemoryLayout<sockaddr_storage>.size)
  }

  private init(copying bytes: UnsafeRawBufferPointer) {
    storage = sockaddr_storage()
    length = socklen_t(bytes.count)
    unsafe withUnsafeMutableBytes(of: &storage) { unsafe $0.copyMemory(from: bytes) }
  }

  private mutating func withMutablePointer<Result>(
    _ body: (UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> Result
  ) -> Result {
    var size = length
    defer { length = size }
    return unsafe withUnsafeMutablePointer(to: &storage) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe body($0, &size) }
    }
  }

  private var numericParts: (host: String, port: String)? {
    var host = [CChar](repeating: 0, count: Int(NI_MAXHOST))
    var service = [CChar](repeating: 0, count: Int(NI_MAXSERV))
    let status = unsafe withPointer { pointer, length in
      unsafe getnameinfo(
        pointer, length, &host, socklen_t(host.count), &service, socklen_t(service.count),
        NI_NUMERICHOST | NI_NUMERICSERV)
    }
    guard status == 0 else { return nil }
    return (text(host), text(service))
  }

  private func text(_ characters: [CChar]) -> String {
    String(decoding: characters.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}

extension SocketAddress: CustomStringConvertible {
  /// `127.0.0.1:5647`, `[::1]:5647`.
  var description: String {
    guard let parts = numericParts else { return "an address of family \(family)" }
    return family == AF_INET6 ? "[\(parts.host)]:\(parts.port)" : "\(parts.host):\(parts.port)"
  }
}
