package main

import "hash/crc64"

// crcTable is CRC-64/XZ, the sum COS returns in x-cos-hash-crc64ecma.
var crcTable = crc64.MakeTable(crc64.ECMA)

// one is the polynomial x^0 in the reflected order that crc64.ECMA uses.
const one = uint64(1) << 63

// squares[k] is x^(2^k) modulo the polynomial.
var squares = func() (table [67]uint64) {
	table[0] = one >> 1
	for k := 1; k < len(table); k++ {
		table[k] = multiply(table[k-1], table[k-1])
	}
	return table
}()

// multiply returns a*b modulo the polynomial.
func multiply(a, b uint64) uint64 {
	var product uint64
	for ; a != 0; a <<= 1 {
		if a&one != 0 {
			product ^= b
		}
		if b&1 != 0 {
			b = b>>1 ^ crc64.ECMA
		} else {
			b >>= 1
		}
	}
	return product
}

// combine returns the sum of two pieces in a row from the sums of each and
// the second one's length in bytes.
func combine(first, second uint64, length int64) uint64 {
	shift := one
	for k := 3; length != 0; k++ { // 8 bits a byte: start at x^(2^3)
		if length&1 != 0 {
			shift = multiply(squares[k], shift)
		}
		length >>= 1
	}
	return multiply(shift, first) ^ second
}
