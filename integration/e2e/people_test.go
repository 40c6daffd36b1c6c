package e2e_test

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"mime/multipart"
	"net/http"
	"testing"

	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/integration/harness"
	"github.com/steg-bridge/steg/integration/world"
)

// TestNamesAndPictures follows names and pictures to the other side, also when
// they change.
func TestNamesAndPictures(t *testing.T) {
	t.Parallel()
	shared(t, full, func(t *testing.T, w *world.World) {
		k := open(t, w, "both")
		frieda, err := w.Hire(soon(t), channelName(t)[:12], "Frieda", "Frei")
		check(t, err)
		check(t, w.Mattermost.AddToChannel(soon(t), k.channel.ID, frieda.ID))
		setPicture(t, w, frieda, picture(t, color.RGBA{R: 200, A: 255}))
		k.post(frieda, "hello")
		k.onMatrix("hello")
		ghost := w.Ghost(frieda)
		first := k.profile(ghost, func(name string, avatar id.ContentURI) error {
			if name != "Frieda Frei" || avatar.IsEmpty() {
				return fmt.Errorf("name %q, picture %q", name, avatar)
			}
			return nil
		})
		setPicture(t, w, frieda, picture(t, color.RGBA{G: 200, A: 255}))
		check(t, w.Mattermost.Admin.Call(soon(t), http.MethodPut, "/users/"+frieda.ID+"/patch", map[string]string{"nickname": "Frau Frei"}, nil))
		k.profile(ghost, func(name string, avatar id.ContentURI) error {
			if name != "Frau Frei" || avatar.IsEmpty() || avatar == first {
				return fmt.Errorf("name %q, picture %q", name, avatar)
			}
			return nil
		})

		emil, err := w.NewPupil(soon(t), channelName(t), "Emil\u202e Egli")
		check(t, err)
		uploaded, err := emil.UploadBytes(soon(t), picture(t, color.RGBA{B: 200, A: 255}), "image/png")
		check(t, err)
		check(t, emil.SetAvatarURL(soon(t), uploaded.ContentURI))
		k.join(emil)
		k.say(emil, "hi")
		post := k.onMattermost("hi")
		if got := post.Props["override_username"]; got != "Emil Egli" {
			t.Errorf("name %q", got)
		}
		address, _ := post.Props["override_icon_url"].(string)
		response, err := http.Get(address)
		check(t, err)
		defer response.Body.Close()
		shown, _, err := image.Decode(response.Body)
		check(t, err)
		if _, _, blue, _ := shown.At(4, 4).RGBA(); blue>>8 < 150 {
			t.Errorf("another picture is shown: %v", shown.At(4, 4))
		}
		check(t, emil.SetDisplayName(soon(t), "Emil E."))
		check(t, world.Until(soon(t), "the new name", func(ctx context.Context) error {
			said, err := emil.Say(ctx, k.room, "who am I now?")
			if err != nil {
				return err
			}
			_ = said
			posts, err := w.Anna.ReadAll(ctx, k.channel.ID)
			if err != nil {
				return err
			}
			if got := posts[len(posts)-1].Props["override_username"]; got != "Emil E." {
				return fmt.Errorf("name %q", got)
			}
			return nil
		}))
	})
}

// profile waits for a ghost's name and picture and returns the picture.
func (k *talk) profile(ghost id.UserID, want func(name string, avatar id.ContentURI) error) id.ContentURI {
	k.t.Helper()
	var avatar id.ContentURI
	check(k.t, world.Until(soon(k.t), "the profile of a ghost", func(ctx context.Context) error {
		profile, err := k.w.Carla.GetProfile(ctx, ghost)
		if err != nil {
			return err
		}
		avatar = profile.AvatarURL
		return want(profile.DisplayName, avatar)
	}))
	return avatar
}

// picture makes a small picture of one colour.
func picture(t *testing.T, c color.Color) []byte {
	t.Helper()
	canvas := image.NewRGBA(image.Rect(0, 0, 64, 64))
	for i := range 64 * 64 {
		canvas.Set(i%64, i/64, c)
	}
	var out bytes.Buffer
	check(t, png.Encode(&out, canvas))
	return out.Bytes()
}

// setPicture changes a teacher's picture, for which the harness has no method.
func setPicture(t *testing.T, w *world.World, who *world.Teacher, data []byte) {
	t.Helper()
	var form bytes.Buffer
	writer := multipart.NewWriter(&form)
	part, err := writer.CreateFormFile("image", "me.png")
	check(t, err)
	_, err = part.Write(data)
	check(t, err)
	check(t, writer.Close())
	request, err := http.NewRequestWithContext(soon(t), http.MethodPost, w.Mattermost.URL+"/api/v4/users/"+who.ID+"/image", &form)
	check(t, err)
	request.Header.Set("Content-Type", writer.FormDataContentType())
	request.Header.Set("Authorization", "Bearer "+who.Token)
	response, err := http.DefaultClient.Do(request)
	check(t, err)
	check(t, response.Body.Close())
	if response.StatusCode != http.StatusOK {
		t.Fatalf("set picture: %s", response.Status)
	}
}

// TestNameInText shows what people see where Mattermost's switches for other
// names are off.
func TestNameInText(t *testing.T) {
	t.Parallel()
	w := running(t, world.Options{NoNameOverride: true})
	k := openAs(t, w, "talk", "both")
	said := k.say(w.Carla, "who am I?")
	post := k.onMattermostThat(func(p harness.MattermostPost) bool {
		return bytes.Contains([]byte(p.Message), []byte("who am I?"))
	})
	if !bytes.Contains([]byte(post.Message), []byte(w.Carla.Name)) {
		t.Errorf("no name in %q", post.Message)
	}
	_, err := w.Carla.Edit(soon(t), k.room, said, "and now?")
	check(t, err)
	k.onMattermostThat(func(p harness.MattermostPost) bool {
		return bytes.Contains([]byte(p.Message), []byte("and now?")) && bytes.Contains([]byte(p.Message), []byte(w.Carla.Name))
	})
	answer, err := w.Gateway.Command(soon(t), "check")
	check(t, err)
	for _, want := range []string{"EnablePostUsernameOverride", "System Console"} {
		if !bytes.Contains([]byte(answer.Text()), []byte(want)) {
			t.Errorf("check does not say %q:\n%s", want, answer.Text())
		}
	}
}
