/// How many pages of each list a reclaiming pass looks at.
///
/// Follows `get_scan_count`, `prepare_scan_count` and `inactive_is_low` in mm/vmscan.c, Linux 6.1; the rotation rule is
/// that of 5.4 and earlier. Control groups and the multi-generational lists (`lru_gen`) are not modelled.
public struct ScanBalance: Hashable, Sendable {
  /// The priority of the gentlest pass; each next one looks at twice as much.
  public static let gentlestPriority = 12
  /// Pages that a pass takes off a list at a time (`SWAP_CLUSTER_MAX`).
  public static let cluster = 32

  /// What the lists cost so far: pages that came back, or were written out.
  public enum Experience: Hashable, Sendable {
    /// Pages refaulted or written, by kind: 5.8 and later.
    case costs(anonymous: Int, file: Int)
    /// Pages scanned and pages that turned out to be in use, by kind: up to 5.7.
    case rotations(scannedAnonymous: Int, rotatedAnonymous: Int, scannedFile: Int, rotatedFile: Int)
  }

  /// Which of the two kinds is scanned, and why.
  public enum Choice: String, Hashable, Sendable, Codable {
    /// There is no swap, or no room in it.
    case fileOnlyWithoutSwap
    /// The last pass before giving up.
    case equal
    /// Hardly any file pages are left.
    case anonymousOnly
    /// There are inactive file pages enough.
    case fileOnlyWhileEnough
    /// Both, by swappiness and cost.
    case fraction
  }

  /// Pages on the lists.
  public struct Sizes: Hashable, Sendable {
    public var inactiveAnonymous: Int
    public var activeAnonymous: Int
    public var inactiveFile: Int
    public var activeFile: Int

    public init(inactiveAnonymous: Int, activeAnonymous: Int, inactiveFile: Int, activeFile: Int) {
      self.inactiveAnonymous = inactiveAnonymous
      self.activeAnonymous = activeAnonymous
      self.inactiveFile = inactiveFile
      self.activeFile = activeFile
    }

    public var total: Int { inactiveAnonymous + activeAnonymous + inactiveFile + activeFile }
  }

  public var choice: Choice
  /// The weight of anonymous and of file pages.
  public var anonymousWeight: Int
  public var fileWeight: Int
  /// Pages to look at, by list.
  public var scan: Sizes

  /// The weights of the two kinds by swappiness and experience. Follows the fractions of `get_scan_count`.
  public static func weights(swappiness: Int, experience: Experience) -> (anonymous: Int, file: Int) {
    switch experience {
    case .costs(let anonymous, let file):
      let total = anonymous + file
      let anonymousCost = total + anonymous
      let fileCost = total + file
      let both = anonymousCost + fileCost
      return (
        swappiness * (both + 1) / (anonymousCost + 1),
        (200 - swappiness) * (both + 1) / (fileCost + 1)
      )
    case .rotations(let scannedAnonymous, let rotatedAnonymous, let scannedFile, let rotatedFile):
      return (
        swappiness * (scannedAnonymous + 1) / (rotatedAnonymous + 1),
        (200 - swappiness) * (scannedFile + 1) / (rotatedFile + 1)
      )
    }
  }

  /// The pass of a priority over lists of these sizes.
  ///
  /// `freePages` and `highMarks` are those of the whole node; `maySwap` says whether there is room in swap.
  public init(
    sizes: Sizes, priority: Int, swappiness: Int,
    experience: Experience = .costs(anonymous: 0, file: 0),
    maySwap: Bool, freePages: Int = .max / 2, highMarks: Int = 0,
    deactivatesAnonymous: Bool = false,
    deactivatesFile: Bool = false
  ) {
    let weights = Self.weights(swappiness: swappiness, experience: experience)
    anonymousWeight = weights.anonymous
    fileWeight = weights.file
    let file = sizes.inactiveFile + sizes.activeFile
    let shift = max(priority, 0)
    let isFileTiny =
      file + freePages <= highMarks && !deactivatesAnonymous && sizes.inactiveAnonymous >> shift > 0
    if !maySwap {
      choice = .fileOnlyWithoutSwap
    } else if shift == 0, swappiness > 0 {
      choice = .equal
    } else if isFileTiny {
      choice = .anonymousOnly
    } else if sizes.inactiveFile >> shift > 0, !deactivatesFile {
      choice = .fileOnlyWhileEnough
    } else {
      choice = .fraction
    }
    let choice = choice
    var denominator = anonymousWeight + fileWeight
    if case .rotations = experience { denominator += 1 }
    func scan(_ size: Int, isFile: Bool, weight: Int) -> Int {
      let part = size >> shift
      return switch choice {
      case .equal: part
      case .fraction: denominator == 0 ? 0 : part * weight / denominator
      case .fileOnlyWithoutSwap, .fileOnlyWhileEnough: isFile ? part : 0
      case .anonymousOnly: isFile ? 0 : part
      }
    }
    self.scan = Sizes(
      inactiveAnonymous: scan(sizes.inactiveAnonymous, isFile: false, weight: weights.anonymous),
      activeAnonymous: scan(sizes.activeAnonymous, isFile: false, weight: weights.anonymous),
      inactiveFile: scan(sizes.inactiveFile, isFile: true, weight: weights.file),
      activeFile: scan(sizes.activeFile, isFile: true, weight: weights.file))
  }

  /// Whether a kind's inactive list is so short that active pages should be moved to it.
  ///
  /// The larger the lists, the smaller the inactive part may be. Follows `inactive_is_low`, Linux 6.1.
  public static func isInactiveLow(inactive: Int, active: Int, pageSize: Int) -> Bool {
    let gibibytes = (inactive + active) >> (30 - pageSize.trailingZeroBitCount)
    let ratio = gibibytes > 0 ? squareRoot(10 * gibibytes) : 1
    return inactive * ratio < active
  }

  /// The largest integer whose square is not above `value`.
  static func squareRoot(_ value: Int) -> Int {
    var root = 0
    var bit = 1 << 30
    while bit > 0 {
      if (root + bit) * (root + bit) <= value { root += bit }
      bit >>= 1
    }
    return root
  }
}
