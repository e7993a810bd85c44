internal import LogsStore
internal import LogsSystem

extension ConfigurationReader {
  /// A start does not wait longer for the archive's disk, nor does it fail with it.
  private static let archivePatience = Duration.seconds(2)

  /// What nothing can mend stops a start; what a disk that is only late looks like is remarked on.
  mutating func checkArchive() {
    guard let obstacle = archiveObstacle else { return }
    let line = "\(place("archive")): \(obstacle.text)"
    if obstacle.mayPass { configuration.remarks.append(line) } else { faults.append(line) }
  }

  /// Why the archive cannot be where it is said to be, as far as its disk answers: the archive's thread finds out the
  /// rest. Whether anything can be written there only a start has to know.
  private var archiveObstacle: ArchivePlace.Obstacle? {
    guard let archive = configuration.archive else { return nil }
    let data = configuration.dataDirectory
    let isStart = [.run, .checkConfig].contains(request)
    let answer = Monitor<ArchivePlace.Obstacle??>(nil)
    _ = Thread("archive-place") {
      var obstacle: ArchivePlace.Obstacle?
      do throws(FileError) {
        obstacle = try ArchivePlace.fault(archive, data: data).map { ArchivePlace.Obstacle($0) }
      } catch {}
      do throws(FileError) {
        if obstacle == nil, isStart { obstacle = try ArchivePlace.obstacle(archive, data: data) }
      } catch {}
      answer.withLock { $0 = .some(obstacle) }
      answer.signal()
    }
    return answer.wait(timeout: Self.archivePatience) { $0 }.flatMap { $0 }
  }
}
