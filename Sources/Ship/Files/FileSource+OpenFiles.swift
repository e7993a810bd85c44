internal import Glibc

/// How many files may be open.
extension FileSource {
  /// Descriptors for all else: the spool, the connection, watches, directories, the runtime's own.
  static let descriptorReserve = 64

  /// Shares among the sources that read files what the process may open besides the rest.
  static func shareOpenFiles(among sources: [any Source]) {
    let files = sources.compactMap { $0 as? FileSource }
    var limit = rlimit()
    guard !files.isEmpty,
      unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0
    else { return }
    let containers = sources.reduce(0) { $0 + (($1 as? DockerSource)?.configuration.containerCountMax ?? 0) }
    let open = FileGlob.names(in: "/proc/self/fd").count
    let free = Int(clamping: limit.rlim_cur) - open - descriptorReserve - containers
    for source in files { source.openCountMax = share(of: free, among: files.count, source.configuration.openCountMax) }
  }

  /// Each source can read with one open file.
  static func share(of free: Int, among count: Int, _ countMax: Int) -> Int { min(countMax, max(1, free / count)) }
}
