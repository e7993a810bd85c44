internal import LogsStore
internal import LogsSystem

extension ConfigurationReader {
  /// A start does not wait longer for the archive's disk, nor does it fail with it.
  private static let archivePatience = Duration.seconds(2)

  /// Why the archive cannot be where it is said to be, as far as its disk answers: the archive's thread finds out the
  /// rest. Whether anything can be written there only a start has to know.
  var archiveFault: String? {
    guard let archive = configuration.archive else { return nil }
    let data = configuration.dataDirectory
    let isStart = [.run, .checkConfig].contains(request)
    let answer = Monitor<String??>(nil)
    _ = Thread("archive-place") {
      var fault: String?
      do throws(FileError) {
        fault = try ArchivePlace.fault(archive, data: data)
      } catch {}
      do throws(FileError) {
        if fault == nil, isStart { fault = try ArchivePlace.obstacle(archive, data: data) }
      } catch {}
      answer.withLock { $0 = .some(fault) }
      answer.signal()
    }
    return answer.wait(timeout: Self.archivePatience) { $0 }.flatMap { $0 }
  }
}
