// Package top counts which names are asked most, and by which clients.
//
// It stands beside the way of the data: it watches queries through package tap, while
// a client of the API waits for the counts.
//
// What always holds: memory is bounded whatever is asked, and so is the time that
// counting takes in each second: of many queries, some are counted and stand for the
// others.
package top
