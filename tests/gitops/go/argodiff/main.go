// Command argodiff says whether Argo CD would call resources OutOfSync, by its own gitops-engine: a JSON list of pairs in,
// a list of verdicts out. A pair with "predicted" is compared as with Argo CD's ServerSideDiff: it holds what the API server
// answers to a server-side apply as a dry run. Other pairs are compared as Argo CD does by default.
//
// The engine is the newest of its own module; since it moved into Argo CD's (3.6), it asks for a newer Go than the bed's.
package main

import (
	"context"
	"encoding/json"
	"log"
	"os"

	"github.com/argoproj/gitops-engine/pkg/diff"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// pair is a manifest and what stands in the cluster.
type pair struct {
	Config    json.RawMessage `json:"config"`
	Live      json.RawMessage `json:"live"`
	Predicted json.RawMessage `json:"predicted,omitempty"`
}

// verdict tells what differs: what stands there, and what should.
type verdict struct {
	Modified bool            `json:"modified"`
	Live     json.RawMessage `json:"live"`
	Wanted   json.RawMessage `json:"wanted"`
}

// answered is the API server's dry run, asked beforehand.
type answered string

func (text answered) Run(context.Context, *unstructured.Unstructured, string) (string, error) {
	return string(text), nil
}

func main() {
	var pairs []pair
	if err := json.NewDecoder(os.Stdin).Decode(&pairs); err != nil {
		log.Fatal(err)
	}
	verdicts := make([]verdict, 0, len(pairs))
	for _, one := range pairs {
		verdicts = append(verdicts, judge(one))
	}
	if err := json.NewEncoder(os.Stdout).Encode(verdicts); err != nil {
		log.Fatal(err)
	}
}

func judge(one pair) verdict {
	var options []diff.Option
	if one.Predicted != nil {
		options = append(options, diff.WithServerSideDiff(true), diff.WithIgnoreMutationWebhook(false),
			diff.WithServerSideDryRunner(answered(one.Predicted)), diff.WithManager("argocd-controller"))
	}
	result, err := diff.Diff(object(one.Config), object(one.Live), options...)
	if err != nil {
		log.Fatal(err)
	}
	return verdict{result.Modified, result.NormalizedLive, result.PredictedLive}
}

func object(text []byte) *unstructured.Unstructured {
	read := &unstructured.Unstructured{}
	if err := read.UnmarshalJSON(text); err != nil {
		log.Fatal(err)
	}
	return read
}
