package strictzip

// end reads the end of the archive and returns number, offset and length of the entries.
func (z *reader) end() (n, at, length uint64, err error) {
	if z.size < lenEnd {
		return 0, 0, 0, bad("%d bytes", z.size)
	}
	stop := uint64(z.size) - lenEnd
	b, err := z.read(stop, lenEnd, "the end")
	if err != nil {
		return 0, 0, 0, err
	}
	if le.Uint32(b) != sigEnd || le.Uint16(b[20:]) != 0 {
		return 0, 0, 0, bad("it does not end as an archive without a comment does")
	}
	here := uint64(le.Uint16(b[8:]))
	n, length, at = uint64(le.Uint16(b[10:])), uint64(le.Uint32(b[12:])), uint64(le.Uint32(b[16:]))
	if le.Uint32(b[4:]) != 0 || here != n {
		return 0, 0, 0, bad("it has several volumes")
	}
	wide, err := z.locator(stop)
	if err != nil {
		return 0, 0, 0, err
	}
	// Some readers look for a zip64 end wherever its locator stands, others where the end asks for it: both must find the same.
	if wide || n == sentinel16 || length == sentinel32 || at == sentinel32 {
		n64, at64, length64, start, err := z.end64(stop)
		if err != nil {
			return 0, 0, 0, err
		}
		if n != sentinel16 && n != n64 || length != sentinel32 && length != length64 || at != sentinel32 && at != at64 {
			return 0, 0, 0, bad("its two ends disagree")
		}
		n, at, length, stop = n64, at64, length64, start
	}
	if length > stop || at != stop-length {
		return 0, 0, 0, bad("the list of files is not where the end says")
	}
	return n, at, length, nil
}

// locator reports whether the locator of a zip64 end stands before stop.
func (z *reader) locator(stop uint64) (bool, error) {
	if stop < lenLocate64 {
		return false, nil
	}
	b, err := z.read(stop-lenLocate64, 4, "the end")
	return err == nil && le.Uint32(b) == sigLocate64, err
}

// end64 reads the zip64 end and its locator, which lie before stop.
func (z *reader) end64(stop uint64) (n, at, length, start uint64, err error) {
	if stop < lenLocate64+lenEnd64 {
		return 0, 0, 0, 0, bad("no zip64 end")
	}
	start = stop - lenLocate64 - lenEnd64
	b, err := z.read(start, lenEnd64+lenLocate64, "the zip64 end")
	if err != nil {
		return 0, 0, 0, 0, err
	}
	l := b[lenEnd64:]
	if le.Uint32(l) != sigLocate64 || le.Uint32(l[4:]) != 0 || le.Uint64(l[8:]) != start || le.Uint32(l[16:]) > 1 ||
		le.Uint32(b) != sigEnd64 || le.Uint64(b[4:]) != lenEnd64-12 || le.Uint64(b[16:]) != 0 || le.Uint64(b[24:]) != le.Uint64(b[32:]) {
		return 0, 0, 0, 0, bad("its zip64 end is not one")
	}
	return le.Uint64(b[32:]), le.Uint64(b[48:]), le.Uint64(b[40:]), start, nil
}
