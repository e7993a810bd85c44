internal import Glibc

/// The file of a Unix socket that this process listens on, known by its inode.
struct SocketFile {
  let path: String
  private let device: dev_t
  private let inode: ino_t

  /// nil if the file is already gone.
  init?(path: String) {
    guard let status = Self.status(of: path) else { return nil }
    self.path = path
    (device, inode) = (status.st_dev, status.st_ino)
  }

  /// Removes the file unless another one has taken its place.
  func remove() {
    guard let status = Self.status(of: path), status.st_dev == device, status.st_ino == inode else { return }
    unsafe _ = unlink(path)
  }

  /// Whether `path` names a socket.
  static func isSocket(_ path: String) -> Bool {
    guard let status = status(of: path) else { return false }
    return status.st_mode & S_IFMT == S_IFSOCK
  }

  private static func status(of path: String) -> stat? {
    var status = stat()
    return unsafe lstat(path, &status) == 0 ? status : nil
  }
}
