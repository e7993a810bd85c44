#if PLANTED_BUGS
  internal import LogsWire

  extension Subscription {
    /// Leaves out the next entry, in a well-formed way (`PlantedBug.liveOffByOne`).
    func passOver(_ track: Track) {
      host.tell(.skip(Skip(handle: track.handle, reason: .filtered, from: track.next, to: track.next)), to: self)
      track.next += 1
    }
  }
#endif
