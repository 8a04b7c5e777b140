// Command kstatus says what kstatus's own library makes of objects: a JSON list of them in, a list of verdicts out.
package main

import (
	"encoding/json"
	"log"
	"os"

	flux "github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	upstream "sigs.k8s.io/cli-utils/pkg/kstatus/status"
)

// verdict holds the status by upstream's library and by Flux's fork of it, and upstream's words.
type verdict struct {
	Status  string `json:"status"`
	Flux    string `json:"flux"`
	Message string `json:"message"`
}

func main() {
	var texts []json.RawMessage
	if err := json.NewDecoder(os.Stdin).Decode(&texts); err != nil {
		log.Fatal(err)
	}
	verdicts := make([]verdict, 0, len(texts))
	for _, text := range texts {
		verdicts = append(verdicts, judge(text))
	}
	if err := json.NewEncoder(os.Stdout).Encode(verdicts); err != nil {
		log.Fatal(err)
	}
}

func judge(text []byte) verdict {
	object := &unstructured.Unstructured{}
	if err := object.UnmarshalJSON(text); err != nil {
		log.Fatal(err)
	}
	told, err := upstream.Compute(object)
	if err != nil {
		log.Fatal(err)
	}
	also, err := flux.Compute(object)
	if err != nil {
		log.Fatal(err)
	}
	return verdict{told.Status.String(), also.Status.String(), told.Message}
}
