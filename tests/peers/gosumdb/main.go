// SPDX-License-Identifier: Apache-2.0

// A judge of signed notes and tree proofs: what golang.org/x/mod/sumdb says of them, one JSON object a line.
package main

import (
	"bufio"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const (
	tileHeight   = 8
	requestBytes = 64 << 20
)

type request struct {
	Op      string            `json:"op"`
	Note    string            `json:"note"`
	Text    string            `json:"text"`
	Name    string            `json:"name"`
	Secret  string            `json:"secret"`
	Keys    []string          `json:"keys"`
	Entries [][]byte          `json:"entries"`
	Tiles   map[string][]byte `json:"tiles"`
	Path    [][]byte          `json:"path"`
	Leaf    []byte            `json:"leaf"`
	Root    []byte            `json:"root"`
	OldRoot []byte            `json:"old_root"`
	Index   int64             `json:"index"`
	Size    int64             `json:"size"`
	Old     int64             `json:"old"`
}

type answer struct {
	Error       string   `json:"error"`
	Note        string   `json:"note"`
	Text        string   `json:"text"`
	Names       []string `json:"names"`
	Secret      string   `json:"secret"`
	Key         string   `json:"key"`
	Root        []byte   `json:"root"`
	Leaf        []byte   `json:"leaf"`
	Inclusion   [][]byte `json:"inclusion"`
	Consistency [][]byte `json:"consistency"`
	Paths       []string `json:"paths"`
}

var operations = map[string]func(*request, *answer) error{
	"open": open, "key": key, "sign": sign,
	"check_record": checkRecord, "check_tree": checkTree,
	"prove": prove, "read_tiles": readTiles, "layout": layout,
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, requestBytes)
	out := json.NewEncoder(os.Stdout)
	for lines.Scan() {
		var asked request
		var said answer
		if err := json.Unmarshal(lines.Bytes(), &asked); err != nil {
			fail(err)
		}
		operation, known := operations[asked.Op]
		if !known {
			fail(fmt.Errorf("no operation %q", asked.Op))
		}
		if err := operation(&asked, &said); err != nil {
			said = answer{Error: err.Error()}
		}
		if err := out.Encode(said); err != nil {
			fail(err)
		}
	}
	if err := lines.Err(); err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func open(asked *request, said *answer) error {
	var known []note.Verifier
	for _, text := range asked.Keys {
		verifier, err := note.NewVerifier(text)
		if err != nil {
			return err
		}
		known = append(known, verifier)
	}
	opened, err := note.Open([]byte(asked.Note), note.VerifierList(known...))
	if err != nil {
		return err
	}
	said.Text = opened.Text
	for _, signature := range opened.Sigs {
		said.Names = append(said.Names, signature.Name)
	}
	return nil
}

func key(asked *request, said *answer) (err error) {
	said.Secret, said.Key, err = note.GenerateKey(rand.Reader, asked.Name)
	return err
}

func sign(asked *request, said *answer) error {
	signer, err := note.NewSigner(asked.Secret)
	if err != nil {
		return err
	}
	signed, err := note.Sign(&note.Note{Text: asked.Text}, signer)
	said.Note = string(signed)
	return err
}

func hash(data []byte) (tlog.Hash, error) {
	var one tlog.Hash
	if len(data) != tlog.HashSize {
		return one, fmt.Errorf("a hash of %d bytes", len(data))
	}
	copy(one[:], data)
	return one, nil
}

func hashes(data [][]byte) ([]tlog.Hash, error) {
	all := make([]tlog.Hash, len(data))
	for i := range data {
		one, err := hash(data[i])
		if err != nil {
			return nil, err
		}
		all[i] = one
	}
	return all, nil
}

func plain(all []tlog.Hash) [][]byte {
	data := make([][]byte, len(all))
	for i := range all {
		data[i] = append([]byte(nil), all[i][:]...)
	}
	return data
}

func checkRecord(asked *request, said *answer) error {
	all, err := hashes(append([][]byte{asked.Root, asked.Leaf}, asked.Path...))
	if err != nil {
		return err
	}
	return tlog.CheckRecord(tlog.RecordProof(all[2:]), asked.Size, all[0], asked.Index, all[1])
}

func checkTree(asked *request, said *answer) error {
	all, err := hashes(append([][]byte{asked.Root, asked.OldRoot}, asked.Path...))
	if err != nil {
		return err
	}
	return tlog.CheckTree(tlog.TreeProof(all[2:]), asked.Size, all[0], asked.Old, all[1])
}

// prove builds a tree of its own over the entries and proves Index in it, and Old against it.
func prove(asked *request, said *answer) error {
	var stored []tlog.Hash
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		found := make([]tlog.Hash, len(indexes))
		for i, index := range indexes {
			found[i] = stored[index]
		}
		return found, nil
	})
	for i, entry := range asked.Entries {
		more, err := tlog.StoredHashes(int64(i), entry, reader)
		if err != nil {
			return err
		}
		stored = append(stored, more...)
	}
	return proofs(int64(len(asked.Entries)), asked, said, reader)
}

func proofs(size int64, asked *request, said *answer, reader tlog.HashReader) error {
	root, err := tlog.TreeHash(size, reader)
	if err != nil {
		return err
	}
	inclusion, err := tlog.ProveRecord(size, asked.Index, reader)
	if err != nil {
		return err
	}
	consistency, err := tlog.ProveTree(size, asked.Old, reader)
	if err != nil {
		return err
	}
	leaf, err := reader.ReadHashes([]int64{tlog.StoredHashIndex(0, asked.Index)})
	if err != nil {
		return err
	}
	said.Root, said.Leaf = root[:], leaf[0][:]
	said.Inclusion, said.Consistency = plain(inclusion), plain(consistency)
	return nil
}

type tiles map[string][]byte

func (t tiles) Height() int { return tileHeight }

func (t tiles) SaveTiles([]tlog.Tile, [][]byte) {}

func (t tiles) ReadTiles(wanted []tlog.Tile) ([][]byte, error) {
	found := make([][]byte, len(wanted))
	for i, tile := range wanted {
		data, there := t[path(tile)]
		if !there {
			return nil, fmt.Errorf("there is no %s", path(tile))
		}
		found[i] = data
	}
	return found, nil
}

// path is a tile's path without the height, which is fixed in this layout.
func path(tile tlog.Tile) string {
	return strings.Replace(tile.Path(), fmt.Sprintf("tile/%d/", tileHeight), "tile/", 1)
}

// readTiles proves Index and Old out of tiles alone, which are checked against Root.
func readTiles(asked *request, said *answer) error {
	root, err := hash(asked.Root)
	if err != nil {
		return err
	}
	reader := tlog.TileHashReader(tlog.Tree{N: asked.Size, Hash: root}, tiles(asked.Tiles))
	if err := proofs(asked.Size, asked, said, reader); err != nil {
		return err
	}
	// Before x/mod 0.40 the reader leaves some full tiles unchecked (CVE-2026-56865), so what it read is checked
	// against the root once more.
	var leaf tlog.Hash
	copy(leaf[:], said.Leaf)
	inclusion, err := hashes(said.Inclusion)
	if err != nil {
		return err
	}
	return tlog.CheckRecord(inclusion, asked.Size, root, asked.Index, leaf)
}

func layout(asked *request, said *answer) error {
	for _, tile := range tlog.NewTiles(tileHeight, 0, asked.Size) {
		said.Paths = append(said.Paths, path(tile))
	}
	return nil
}
