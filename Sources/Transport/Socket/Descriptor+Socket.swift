internal import Glibc
internal import LogsSystem

extension Descriptor {
  /// A non-blocking stream socket that child processes do not inherit.
  static func socket(family: Int32) throws(SystemError) -> Descriptor {
    let kind = SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue
    let number = Glibc.socket(family, Int32(kind), 0)
    guard number >= 0 else { throw .last }
    return Descriptor(adopting: number)
  }

  func allowAddressReuse() throws(SystemError) {
    var value: Int32 = 1
    let size = socklen_t(MemoryLayout<Int32>.size)
    guard unsafe setsockopt(number, SOL_SOCKET, SO_REUSEADDR, &value, size) == 0 else { throw .last }
  }

  func bind(to address: SocketAddress) throws(SystemError) {
    guard unsafe address.withPointer({ unsafe Glibc.bind(number, $0, $1) }) == 0 else { throw .last }
  }

  func listen(backlog: Int32) throws(SystemError) {
    guard Glibc.listen(number, backlog) == 0 else { throw .last }
  }

  /// Throws `EINPROGRESS` if the outcome comes later.
  func connect(to address: SocketAddress) throws(SystemError) {
    guard unsafe address.withPointer({ unsafe Glibc.connect(number, $0, $1) }) == 0 else { throw .last }
  }

  /// Takes the error of a connection attempt; nil if it succeeded.
  func takeError() -> SystemError? {
    var value: Int32 = 0
    var size = socklen_t(MemoryLayout<Int32>.size)
    guard unsafe getsockopt(number, SOL_SOCKET, SO_ERROR, &value, &size) == 0 else { return .last }
    return value == 0 ? nil : SystemError(value)
  }
}
