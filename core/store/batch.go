package store

import "time"

// Batch is what one transaction commits: everything that waited for the writer.
type Batch struct {
	Intakes []Intake
	Ends    []Done
	Defers  []Deferral
	Notes   []LaneNote
	// Owns says whether this process may work on a lane; nil = on all.
	Owns func(LaneKey) bool
}

// Deferral moves a pending item behind everything that waits in its lane.
type Deferral struct {
	Item      Item
	NotBefore time.Time
}

// LaneNote is what status shows of a lane that waits.
type LaneNote struct {
	Lane      LaneKey
	Attempts  int
	LastError string // no content, no names
	NextAt    time.Time
}

// Result tells what a [Batch] did, entry by entry.
type Result struct {
	Accepted []int  // by Intakes: how many entries were new
	Ends     []bool // by Ends: false = the item is not this process's any more
	Defers   []bool // by Defers: likewise
	Grown    []Growth
}

// Growth is what a lane got.
type Growth struct {
	Lane  LaneKey
	ID    int64  // the lane's number, for [Store.Fetch]
	Items []Item // in order
	// Before and Last are the last numbers given out before and after. Whoever
	// knows the lane up to Before knows it up to Last now.
	Before, Last int64
	Mine         bool // this process is the lane's owner
	Fresh        bool // nothing was pending before
}

// seqBits is how many bits of an item's id count within its lane: four thousand
// million messages for each lane.
const seqBits = 32

func itemID(lane, seq int64) int64 { return lane<<seqBits | seq }
func laneOf(item int64) int64      { return item >> seqBits }
func seqOf(item int64) int64       { return item & (1<<seqBits - 1) }
