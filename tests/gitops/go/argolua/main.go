// Command argolua runs a Lua script as Argo CD does: a JSON list of objects in, what the script returns for each out.
//
// The virtual machine is set up as in Argo CD 3.6's util/lua/lua.go: gopher-lua with the base, package and table libraries,
// of os only time and date, a second's time, the object in the global obj. Argo CD opens all libraries for scripts that it
// brings itself; what runs without them runs with them too.
package main

import (
	"context"
	"encoding/json"
	"log"
	"os"
	"time"

	lua "github.com/yuin/gopher-lua"
	luajson "layeh.com/gopher-json"
)

// answer is what the script returned, or how it failed.
type answer struct {
	Returned json.RawMessage `json:"returned,omitempty"`
	Error    string          `json:"error,omitempty"`
}

func main() {
	script, err := os.ReadFile(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	var objects []any
	if err := json.NewDecoder(os.Stdin).Decode(&objects); err != nil {
		log.Fatal(err)
	}
	answers := make([]answer, 0, len(objects))
	for _, object := range objects {
		returned, err := run(string(script), object)
		if err != nil {
			answers = append(answers, answer{Error: err.Error()})
			continue
		}
		answers = append(answers, answer{Returned: returned})
	}
	if err := json.NewEncoder(os.Stdout).Encode(answers); err != nil {
		log.Fatal(err)
	}
}

func run(script string, object any) (json.RawMessage, error) {
	state := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer state.Close()
	for _, library := range []struct {
		name string
		open lua.LGFunction
	}{{lua.LoadLibName, lua.OpenPackage}, {lua.BaseLibName, lua.OpenBase}, {lua.TabLibName, lua.OpenTable}} {
		if err := state.CallByParam(lua.P{Fn: state.NewFunction(library.open), Protect: true}, lua.LString(library.name)); err != nil {
			return nil, err
		}
	}
	state.PreloadModule(lua.OsLibName, safeOS)
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	state.SetContext(ctx)
	state.SetGlobal("obj", luajson.DecodeValue(state, object))
	if err := state.DoString(script); err != nil {
		return nil, err
	}
	return luajson.Encode(state.Get(-1))
}

// safeOS is the os library with time and date alone.
func safeOS(state *lua.LState) int {
	whole := state.NewTable()
	full := lua.NewState()
	defer full.Close()
	for _, name := range []string{"time", "date"} {
		function := full.GetField(full.GetGlobal(lua.OsLibName), name).(*lua.LFunction)
		whole.RawSetString(name, state.NewFunction(function.GFunction))
	}
	state.Push(whole)
	return 1
}
